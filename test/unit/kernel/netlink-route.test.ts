/** Golden bytes, written by hand from rtnetlink(7) and linux/if_link.h, if_addr.h and rtnetlink.h. */
import { describe, expect, test } from "vitest";
import {
  addAddress,
  addRoute,
  decodeAddress,
  decodeRoute,
  defaultRoute,
  listAddresses,
} from "../../../src/kernel/netlink-address.ts";
import {
  createBridge,
  createVeth,
  decodeLink,
  deleteLink,
  disableLinkLocal,
  getLink,
  setBridgePort,
  setLink,
} from "../../../src/kernel/netlink-link.ts";
import type { NetlinkRequest } from "../../../src/kernel/netlink-message.ts";

const CREATE_EXCLUSIVE = 0x600;
const NO_LINK = "00000000 00000000 00000000 00000000";

function expectRequest(request: NetlinkRequest, type: number, flags: number, ...body: string[]): void {
  const expected = body.join("").replaceAll(" ", "");
  expect({ type: request.type, flags: request.flags, body: request.body.toString("hex") }).toEqual({
    type,
    flags,
    body: expected,
  });
}

const received = (type: number, ...body: string[]) => ({
  type,
  flags: 0,
  sequence: 1,
  body: Buffer.from(body.join("").replaceAll(" ", ""), "hex"),
});

describe("links", () => {
  test("a bridge", () => {
    expectRequest(
      createBridge("tsrun0", "02:42:ac:11:00:01"),
      16,
      CREATE_EXCLUSIVE,
      NO_LINK,
      "0b000300 747372756e3000 00", // IFLA_IFNAME "tsrun0"
      "0a000100 0242ac110001 0000", // IFLA_ADDRESS
      "10001280 0b000100 62726964676500 00", // IFLA_LINKINFO { IFLA_INFO_KIND "bridge" }
    );
  });

  test("a veth pair whose other end is in a namespace", () => {
    const peer = { name: "eth0", netns: 9, macAddress: "02:42:ac:11:00:02" };
    expectRequest(
      createVeth({ name: "veth1", master: 5, peer }),
      16,
      CREATE_EXCLUSIVE,
      NO_LINK,
      "0a000300 766574683100 0000", // IFLA_IFNAME "veth1"
      "48001280", // IFLA_LINKINFO {
      "09000100 7665746800 000000", //   IFLA_INFO_KIND "veth"
      "38000280", //   IFLA_INFO_DATA {
      "34000180", //     VETH_INFO_PEER { struct ifinfomsg
      NO_LINK,
      "09000300 6574683000 000000", //       IFLA_IFNAME "eth0"
      "0a000100 0242ac110002 0000", //       IFLA_ADDRESS
      "08001c00 09000000", //       IFLA_NET_NS_FD 9 } } }
      "08000a00 05000000", // IFLA_MASTER 5
    );
  });

  test("changes by index and by name", () => {
    expectRequest(setLink(3, { up: true }), 19, 0, "00000000 03000000 01000000 01000000");
    expectRequest(setLink(3, { up: false }), 19, 0, "00000000 03000000 00000000 01000000");
    expectRequest(
      setLink("eth0", { mtu: 1400, master: 7, macAddress: "02:00:00:00:00:01" }),
      19,
      0,
      NO_LINK,
      "09000300 6574683000 000000", // which link
      "08000400 78050000", // IFLA_MTU
      "0a000100 020000000001 0000", // IFLA_ADDRESS
      "08000a00 07000000", // IFLA_MASTER
    );
  });

  test("no link-local address", () => {
    // IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE none } }
    const address = "10001a80 0c000a80 05000800 01000000";
    expectRequest(disableLinkLocal(4), 19, 0, "00000000 04000000 00000000 00000000", address);
  });

  test("looking up and deleting", () => {
    expectRequest(getLink("lo"), 18, 0, NO_LINK, "07000300 6c6f00 00");
    expectRequest(deleteLink(4), 17, 0, "00000000 04000000 00000000 00000000");
  });

  test("the port behind which a bridge finds an address", () => {
    expectRequest(
      setBridgePort(6, "02:42:ac:11:00:02"),
      28,
      0x500, // create or replace
      "07000000 06000000 4000 04 00", // struct ndmsg: AF_BRIDGE, NUD_NOARP, NTF_MASTER
      "0a000200 0242ac110002 0000", // NDA_LLADDR
    );
  });

  test("what the kernel tells", () => {
    const message = received(
      16,
      "00000100 05000000 43100100 00000000",
      "0b000300 747372756e3000 00",
      "08000400 dc050000",
      "0a000100 0242ac110001 0000",
      "08000a00 07000000",
      "10001200 0b000100 62726964676500 00",
    );
    expect(decodeLink(message)).toEqual({
      index: 5,
      name: "tsrun0",
      up: true,
      kind: "bridge",
      macAddress: "02:42:ac:11:00:01",
      mtu: 1500,
      master: 7,
    });
  });
});

describe("addresses and routes", () => {
  test("an address with its broadcast address", () => {
    const address = { linkIndex: 2, address: "172.17.0.2", prefixLength: 16, broadcast: "172.17.255.255" };
    expectRequest(
      addAddress(address),
      20,
      CREATE_EXCLUSIVE,
      "02100000 02000000",
      "08000200 ac110002", // IFA_LOCAL
      "08000100 ac110002", // IFA_ADDRESS
      "08000400 ac11ffff", // IFA_BROADCAST
    );
    expect(
      decodeAddress(received(20, "02108000 02000000", "08000100 ac110000", "08000200 ac110002")),
    ).toEqual({
      linkIndex: 2,
      address: "172.17.0.2",
      prefixLength: 16,
    });
  });

  test("the addresses of one link are asked for by its index", () => {
    expectRequest(listAddresses(6), 22, 0, "02000000 06000000");
  });

  test("a default route", () => {
    expectRequest(
      addRoute(defaultRoute("172.17.0.1", 2)),
      24,
      CREATE_EXCLUSIVE,
      "02000000 fe030001 00000000", // table main, protocol boot, scope universe, unicast
      "08000500 ac110001", // RTA_GATEWAY
      "08000400 02000000", // RTA_OIF
    );
  });

  test("routes as the kernel lists them", () => {
    expect(
      decodeRoute(received(24, "02180000 fe02fd01 00000000", "08000100 0a000100", "08000400 03000000")),
    ).toEqual({
      destination: "10.0.1.0",
      prefixLength: 24,
      gateway: undefined,
      linkIndex: 3,
    });
  });
});

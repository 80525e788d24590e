import { describe, expect, it } from "vitest";
import {
  type NetworkFlags,
  networking,
  parseLink,
  parseMacAddress,
  parseNetwork,
} from "../../../../src/cli/options/network.ts";

const NOTHING: NetworkFlags = {
  network: [],
  ip: undefined,
  ip6: undefined,
  "mac-address": undefined,
  "link-local-ip": [],
  link: [],
  "network-alias": [],
};

describe("--network", () => {
  it("reads a name, and the long form", () => {
    expect(parseNetwork("front")).toEqual({ network: "front" });
    expect(parseNetwork("container:web")).toEqual({ network: "container:web" });
    const long =
      "name=back,ip=10.0.0.9,ip6=fd00::9,alias=db,alias=sql,mac-address=02:00:00:00:00:01,driver-opt=a=b,gw-priority=-1,link-local-ip=169.254.1.1";
    expect(parseNetwork(long)).toEqual({
      network: "back",
      ipv4Address: "10.0.0.9",
      ipv6Address: "fd00::9",
      aliases: ["db", "sql"],
      macAddress: "02:00:00:00:00:01",
      driverOptions: { a: "b" },
      gatewayPriority: -1,
      linkLocalAddresses: ["169.254.1.1"],
    });
  });

  it.each([
    ["foo=1", "invalid field key foo"],
    ["ip=1.2.3.4", "network name/id is not specified"],
    ["name=b,driver-opt=x", "invalid key value pair format in driver options"],
    ["name=b,gw-priority=x", "invalid gw-priority (x): invalid syntax"],
    ["name=b,mac-address=zz", "zz is not a valid mac address"],
    ["name=a,link=b:c", "invalid field key link"],
  ])("refuses %s in docker's words", (text, message) => {
    expect(() => parseNetwork(text)).toThrow(message);
  });
});

describe("the flags together", () => {
  it("ask for nothing special by default", () => {
    expect(networking(NOTHING)).toEqual({});
    expect(networking({ ...NOTHING, network: [{ network: "default" }] })).toEqual({ network: "bridge" });
  });

  it("are about the first network", () => {
    const network = [{ network: "front" }, { network: "back" }];
    expect(networking({ ...NOTHING, network, ip: "10.0.0.2", "network-alias": ["web"] })).toEqual({
      network: "front",
      endpoints: [{ network: "front", ipv4Address: "10.0.0.2", aliases: ["web"] }, { network: "back" }],
    });
  });

  it.each<[Partial<NetworkFlags>, string]>([
    [{ network: [{ network: "a" }, { network: "a" }] }, 'network "a" is specified multiple times'],
    [{ network: [{ network: "" }] }, "no name set for network"],
    [
      { network: [{ network: "a", ipv4Address: "10.0.0.2" }], ip: "10.0.0.3" },
      "conflicting options: cannot specify both --ip and per-network IPv4 address",
    ],
    [
      { network: [{ network: "a", aliases: ["x"] }], "network-alias": ["y"] },
      "conflicting options: cannot specify both --network-alias and per-network alias",
    ],
  ])("refuse what they say twice: %j", (flags, message) => {
    expect(() => networking({ ...NOTHING, ...flags })).toThrow(message);
  });
});

it("links have an alias, the name itself where none is given", () => {
  expect([parseLink("db"), parseLink("db:sql"), parseLink("/db:sql")]).toEqual(["db:db", "db:sql", "db:sql"]);
  expect(() => parseLink("a:b:c")).toThrow("bad format for links: a:b:c");
});

it("link addresses are one machine's", () => {
  expect(parseMacAddress("92-D0-C6-0a-29-33")).toBe("92:d0:c6:0a:29:33");
  expect(() => parseMacAddress("01:00:5e:00:00:01")).toThrow("multicast");
});

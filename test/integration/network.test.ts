/** The bridge network against the real kernel, inside scripts/test-host. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink } from "../../src/kernel/netlink.ts";
import { addAddress, addRoute } from "../../src/kernel/netlink-address.ts";
import {
  createVeth,
  decodeLink,
  deleteLink,
  getLink,
  type Link,
  LOOPBACK_INDEX,
  listLinks,
  setLink,
} from "../../src/kernel/netlink-link.ts";
import {
  createNetworkNamespace,
  type NetworkNamespace,
  openNetworkNamespace,
} from "../../src/kernel/netns.ts";
import { nftChainComment, runNft } from "../../src/kernel/nftables.ts";
import { attach as attachAll, release } from "../../src/network/attach.ts";
import { ensureBridge } from "../../src/network/bridge.ts";
import { instanceTable } from "../../src/network/instance.ts";
import { BRIDGE } from "../../src/network/predefined.ts";
import type { Endpoint, NetworkContext } from "../../src/network/types.ts";
import { assertTestHost } from "../support/test-host.ts";

assertTestHost();

let directory: string;
let context: NetworkContext;
let host: NetlinkSocket;
let resources: DisposableStack;

const contextIn = (path: string): NetworkContext => ({
  paths: { root: join(path, "root"), run: join(path, "run") },
  config: { "default-address-pools": [] },
});

beforeEach(() => {
  resources = new DisposableStack();
  directory = mkdtempSync(join(tmpdir(), "tsrun-network-"));
  context = contextIn(directory);
  host = resources.use(openNetlink(NETLINK_ROUTE));
});

afterEach(async () => {
  resources.dispose();
  await forgetNetwork();
  rmSync(directory, { recursive: true });
});

/** Back to a host on which tsrun never ran. */
async function forgetNetwork(): Promise<void> {
  using route = openNetlink(NETLINK_ROUTE);
  for (const { name } of links(route)) {
    if (name !== "lo") route.attempt(deleteLink(name));
  }
  for (const [, name] of runNft("list tables").matchAll(/^table inet (tsrun-\S+)/gm))
    runNft(`delete table inet ${name}`);
  await until(() => links(route).length === 1);
}

const links = (route: NetlinkSocket): Link[] => route.dump(listLinks()).map(decodeLink);
const linkNames = (): string[] => links(host).map(({ name }) => name);
const exists = (name: string): boolean => host.attempt(getLink(name))[0]?.error === undefined;
const leases = (): string[] => {
  const path = join(context.paths.run, "networks", BRIDGE.id, "leases");
  return existsSync(path) ? readdirSync(path) : [];
};

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 10 seconds: ${condition}`);
    await sleep(5);
  }
}

const idOf = (digit: string): string => digit.repeat(64);

async function attach(digit: string, isAlive = (_: string) => true) {
  const netns = resources.use(createNetworkNamespace());
  const { endpoints, files } = await attachTo(netns, digit, isAlive);
  return { netns, state: endpoints[0] ?? raise(), leasePath: files[0] ?? "" };
}

const attachTo = (netns: NetworkNamespace, digit: string, isAlive = (_: string) => true) =>
  attachAll(context, {
    containerId: idOf(digit),
    containerName: `c${digit}`,
    netns,
    endpoints: [{ network: BRIDGE, options: { network: "bridge" } }],
    isAlive,
  });

/** Runs a command in a network namespace; returns its exit status and output. */
function run(netns: NetworkNamespace, ...command: string[]): { status: number | null; output: string } {
  const enter = [`--net=/proc/${process.pid}/fd/${netns.fd}`, "--", ...command];
  const { status, stdout, stderr } = spawnSync("nsenter", enter, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

const ping = (netns: NetworkNamespace, address: string) => run(netns, "ping", "-c1", "-W2", address);
const addressOf = ({ address }: Endpoint): string => address.split("/")[0] ?? "";

describe("a network namespace", () => {
  test("starts with a loopback that is up; the caller stays where it is", () => {
    const before = linkNames();
    const netns = resources.use(createNetworkNamespace());
    const [loopback, ...rest] = links(netns.route);
    expect(loopback).toMatchObject({ name: "lo", index: 1, up: true });
    expect(rest.filter(({ up }) => up)).toEqual([]);
    expect(linkNames()).toEqual(before);
  });

  test("can be entered again by a descriptor", async () => {
    const netns = createNetworkNamespace();
    netns.route.request(setLink(LOOPBACK_INDEX, { up: false }));
    netns.route[Symbol.dispose]();
    const again = resources.use(openNetworkNamespace(netns.fd));
    expect(links(again.route)[0]).toMatchObject({ name: "lo", up: false });
  });
});

describe("the kernel's refusals", () => {
  test("name the operation, the link and the reason", () => {
    expect(() => host.request(setLink("none0", { up: true }))).toThrow(
      expect.objectContaining({ syscall: "RTM_SETLINK", code: "ENODEV", path: "none0" }),
    );
    const unreachable = addRoute({
      destination: "0.0.0.0",
      prefixLength: 0,
      gateway: "203.0.113.1",
      linkIndex: 1,
    });
    expect(() => host.request(unreachable)).toThrow(
      /^RTM_NEWROUTE 0\.0\.0\.0\/0: ENETUNREACH \(Nexthop has invalid/,
    );
  });

  test("concern one request each: the others of a batch are carried out", () => {
    resources.use(createNetworkNamespace());
    const netns = resources.use(createNetworkNamespace());
    const [first, second] = netns.route.attempt(setLink("none0", { up: true }), setLink("lo", { up: true }));
    expect(first?.error?.code).toBe("ENODEV");
    expect(second?.error).toBeUndefined();
    expect(links(netns.route)[0]?.up).toBe(true);
  });
});

describe("attaching", () => {
  test("gives the container eth0 with the first address, loopback and a default route", async () => {
    const { netns, state, leasePath } = await attach("1");
    expect(state).toEqual({
      endpointId: expect.stringMatching(/^[0-9a-f]{64}$/),
      networkId: BRIDGE.id,
      network: "bridge",
      driver: "bridge",
      containerId: idOf("1"),
      name: "c1",
      aliases: [],
      links: [],
      interface: "eth0",
      address: "172.17.0.2/16",
      gateway: "172.17.0.1",
      macAddress: "02:42:ac:11:00:02",
      hostInterface: "veth1111111",
    });
    expect(readlinkSync(leasePath)).toBe(idOf("1"));
    const [lo, eth0] = ["lo", "eth0"].map((name) => links(netns.route).find((link) => link.name === name));
    expect(lo?.up).toBe(true);
    expect(eth0).toMatchObject({ up: true, macAddress: state.macAddress });
    expect(run(netns, "ip", "-4", "route").output).toBe(
      "default via 172.17.0.1 dev eth0 \n172.17.0.0/16 dev eth0 proto kernel scope link src 172.17.0.2 \n",
    );
    expect(run(netns, "ip", "-6", "address", "show", "dev", "eth0").output).toBe("");
  });

  test("lets containers reach the gateway and each other", async () => {
    const first = await attach("1");
    const second = await attach("2");
    expect(ping(first.netns, first.state.gateway)).toMatchObject({ status: 0 });
    expect(ping(first.netns, addressOf(second.state))).toMatchObject({ status: 0 });
  });

  test("from several processes at once gives distinct addresses", async () => {
    const worker = fileURLToPath(new URL("../support/attach-worker.ts", import.meta.url));
    const workers = [0, 10, 20, 30, 40].map((first) => {
      const child = spawn(process.execPath, [worker, directory, String(first), "10"], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      return { child, output: once(child.stdout, "data"), exited: once(child, "exit") };
    });
    const outputs = await Promise.all(workers.map(({ output }) => output));
    const addresses = outputs.flatMap(([line]) => JSON.parse(String(line)) as string[]);
    expect(new Set(addresses).size).toBe(50);
    expect(links(host).filter(({ kind }) => kind === "bridge")).toHaveLength(1);
    expect(links(host).filter(({ kind }) => kind === "veth")).toHaveLength(50);
    for (const { child, exited } of workers) {
      child.stdin.end();
      await exited;
    }
    await until(() => linkNames().length === 2);
  });

  test("leaves nothing where it fails", async () => {
    const { netns } = await attach("1");
    // The namespace has its eth0 already.
    const again = attachTo(netns, "2");
    await expect(again).rejects.toMatchObject({ code: "ERR_TSRUN_NETWORK_SETUP" });
    expect(leases()).toEqual(["172.17.0.2"]);
    expect(linkNames().sort()).toEqual(["lo", "tsrun0", "veth1111111"]);
  });

  test("finds another name where the container's old link still exists", async () => {
    await attach("1");
    const { state } = await attach("1");
    expect(state.hostInterface).toMatch(/^veth[0-9a-f]{7}$/);
    expect(state.hostInterface).not.toBe("veth1111111");
  });

  test("moves an address that is used again to its new owner's port", async () => {
    const old = await attach("1");
    expect(ping(old.netns, old.state.gateway)).toMatchObject({ status: 0 });
    const { state } = await attach("2", (id) => id !== idOf("1"));
    expect(state.address).toBe(old.state.address);
    const table = spawnSync("bridge", ["fdb", "show", "br", "tsrun0"], { encoding: "utf8" }).stdout;
    const entries = table.split("\n").filter((line) => line.startsWith(state.macAddress));
    expect(entries).toEqual([expect.stringContaining(`dev ${state.hostInterface} `)]);
  });
});

describe("the end of a container", () => {
  test("takes its links along; the bridge stays", async () => {
    const { netns, state } = await attach("1");
    expect(exists(state.hostInterface)).toBe(true);
    netns[Symbol.dispose]();
    await until(() => !exists(state.hostInterface));
    expect(linkNames().sort()).toEqual(["lo", "tsrun0"]);
  });

  test("frees its address for the next one", async () => {
    await attach("1");
    await release(context, idOf("1"), [BRIDGE.id]);
    await release(context, idOf("1"), [BRIDGE.id]);
    expect(leases()).toEqual([]);
    expect((await attach("2")).state.address).toBe("172.17.0.2/16");
  });
});

describe("the bridge", () => {
  test("has the gateway's address, an address of its own and forwarding on", async () => {
    const { name, index } = await ensureBridge(context, host);
    expect(name).toBe("tsrun0");
    const link = () => decodeLink(host.request(getLink(index))[0]?.[0] ?? raise());
    const { kind, up, macAddress } = link();
    expect({ kind, up }).toEqual({ kind: "bridge", up: true });
    // A bridge without an address of its own takes the lowest of its ports'.
    await attach("1");
    expect(link().macAddress).toBe(macAddress);
    expect(readFileSync("/proc/sys/net/ipv4/ip_forward", "latin1")).toBe("1\n");
  });

  test("keeps out of the ranges that the host uses, and remembers its choice", async () => {
    resources.use(dummyNetwork("172.17.0.9", 16));
    const { subnets } = await ensureBridge(context, host);
    expect(subnets).toEqual([{ subnet: "172.18.0.0/16", gateway: "172.18.0.1", asked: false }]);
    await forgetNetwork();
    expect((await ensureBridge(context, host)).subnets).toEqual(subnets);
    await forgetNetwork();
    resources.use(dummyNetwork("172.18.1.9", 24));
    expect((await ensureBridge(context, host)).subnets[0]?.subnet).toBe("172.17.0.0/16");
  });

  test("is repaired where its rules, its address or its state were lost", async () => {
    await ensureBridge(context, host);
    runNft(`delete table inet ${instanceTable(context.paths)}`);
    spawnSync("ip", ["address", "flush", "dev", "tsrun0"]);
    spawnSync("ip", ["link", "set", "tsrun0", "down"]);
    const { netns, state } = await attach("1");
    expect(ping(netns, state.gateway)).toMatchObject({ status: 0 });
    expect(nftChainComment(instanceTable(context.paths), "to-tsrun0")).toBe(
      "tsrun 2: 172.17.0.0/16 masquerade",
    );
  });

  test("comes with a warning where another program drops what is forwarded", async () => {
    runNft("table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }");
    resources.defer(() => runNft("delete table ip filter"));
    const { warnings } = await ensureBridge(context, host);
    expect(warnings).toEqual([
      expect.stringMatching(/^ip filter FORWARD drops .*`iptables -I DOCKER-USER -i tsrun0/),
    ]);
    expect((await ensureBridge(context, host)).warnings).toEqual([]);
  });

  test("is another one for another run directory", async () => {
    const other = await ensureBridge(contextIn(join(directory, "other")), host);
    const own = await ensureBridge(context, host);
    expect([other.name, own.name]).toEqual(["tsrun0", "tsrun1"]);
    expect(own.subnets).not.toEqual(other.subnets);
  });
});

describe("beyond the host", () => {
  const OUTSIDE = "198.51.100.2";

  test("containers appear with the host's address", async () => {
    const { netns } = await attach("1");
    outside();
    expect(runNft(`list table inet ${instanceTable(context.paths)}`)).toContain(
      'oifname != "tsrun0" masquerade',
    );
    // The network outside has no route to the container: answers arrive because of the masquerade alone.
    expect(ping(netns, OUTSIDE)).toMatchObject({ status: 0 });
  });

  test("nobody reaches a container unasked, even knowing the way", async () => {
    const { state } = await attach("1");
    const internet = outside();
    const way = {
      destination: "172.17.0.0",
      prefixLength: 16,
      gateway: "198.51.100.1",
      linkIndex: undefined,
    };
    internet.route.request(addRoute(way));
    expect(run(internet, "ping", "-c1", "-W1", addressOf(state))).toMatchObject({ status: 1 });
    expect(ping(internet, "198.51.100.1")).toMatchObject({ status: 0 });
  });

  test("another bridge's containers are beyond the host too", async () => {
    const { netns } = await attach("1");
    context = contextIn(join(directory, "other"));
    const { state } = await attach("2");
    expect(run(netns, "ping", "-c1", "-W1", addressOf(state))).toMatchObject({ status: 1 });
  });

  /** Another machine, at the other end of the host's link wan0. */
  function outside(): NetworkNamespace {
    const internet = resources.use(createNetworkNamespace());
    const peer = { name: "wan1", netns: internet.fd, macAddress: "02:00:00:00:00:02" };
    host.request(createVeth({ name: "wan0", peer }));
    configureLink(host, "wan0", "198.51.100.1", 24);
    configureLink(internet.route, "wan1", OUTSIDE, 24);
    return internet;
  }
});

function configureLink(route: NetlinkSocket, name: string, address: string, prefixLength: number): void {
  const { index: linkIndex } = decodeLink(route.request(getLink(name))[0]?.[0] ?? raise());
  const added = addAddress({ linkIndex, address, prefixLength, broadcast: address });
  route.request(setLink(linkIndex, { up: true }), added);
}

/** A link with an address, as another program's network; disposing it removes the link. */
function dummyNetwork(address: string, prefixLength: number): Disposable {
  const netns = createNetworkNamespace();
  const name = `other${prefixLength}`;
  host.request(createVeth({ name, peer: { name: "x", netns: netns.fd, macAddress: "02:00:00:00:00:03" } }));
  configureLink(host, name, address, prefixLength);
  return netns;
}

function raise(): never {
  throw new Error("the kernel's answer is missing");
}

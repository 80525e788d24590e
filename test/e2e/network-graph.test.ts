/** The five questions of networking, answered by the graph and by explain: each object is there, and the kernel's. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { NetworkGraph } from "../../src/engine/api.ts";
import { useHost } from "./support/host.ts";
import { type Outside, outside } from "./support/outside.ts";

const host = useHost();
const { output, tsrun } = host;
const SLEEP = ["busybox", "sleep", "1000"];
const WEB = ["busybox", "httpd", "-f", "-h", "/www"];
let internet: Outside;
/** What was the way out before: an ordinary user's network namespace has one. */
let wayOut: string;

const sh = async (line: string): Promise<string> => (await host.shell(line)).stdout.trim();
const graphOf = async (network: string): Promise<NetworkGraph> =>
  JSON.parse(await output("network", "inspect", "--graph", "--format", "json", network)) as NetworkGraph;
const drawn = (network: string): Promise<string> => output("network", "inspect", "--graph", network);
const chain = ({ chains }: NetworkGraph, begins: string) =>
  chains.find(({ name }) => name.startsWith(begins));
/** What explain says of the network, before the Plan's steps. */
async function explained(...flags: string[]): Promise<string> {
  const text = await output("explain", "run", "--rm", ...flags, "busybox", "true");
  return text.slice(text.indexOf("network namespace with"), text.indexOf("Executed by the monitor"));
}

beforeAll(async () => {
  internet = await outside(host.shell);
  await internet.serve(8080);
  wayOut = await sh("ip route show default");
  expect(await host.shell(`ip route replace default via ${internet.address}`)).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await internet[Symbol.asyncDispose]();
  if (wayOut !== "") expect(await host.shell(`ip route add ${wayOut}`)).toMatchObject({ code: 0 });
});
afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

describe("why a container has an address", () => {
  test("its end of the cable has it, as ip says from within", async () => {
    await output("network", "create", "front");
    await output("run", "-d", "--name", "web", "--network", "front", ...SLEEP);
    const [web] = (await graphOf("front")).containers;
    expect(web?.interface?.addresses.map((each) => each.replace(/\/.*/, ""))).toEqual([
      await output("exec", "web", "hostname", "-i"),
    ]);
    expect(web?.interface?.macAddress).toBe(
      await output("exec", "web", "cat", "/sys/class/net/eth0/address"),
    );
    expect(web?.namespace).toBe(await sh(`readlink /proc/${web?.pid}/ns/net`));
    expect(await sh(`ip -o link show ${web?.hostLink?.name}`)).toMatch(
      new RegExp(`^${web?.hostLink?.index}: \\S+@if${web?.interface?.index}:`),
    );
    // An address that nobody's documents know of.
    await host.shell(`nsenter -t ${web?.pid} -n ip addr add 10.99.0.1/24 dev eth0`);
    expect(await drawn("front")).toContain("10.99.0.1/24");
  });

  test("explain names the namespace, the link and the address", async () => {
    const text = await explained();
    expect(text).toMatch(/\/proc\/\d+\/ns\/net -> net:\[\d+\]/);
    expect(text).toMatch(/nsenter -t \d+ -n ip addr show eth0: 172\.\d+\.\d+\.\d+\/16, 02:42:\S+, up/);
  });
});

describe("why the host reaches it", () => {
  test("the bridge has an address of the same network, and the host a route", async () => {
    await output("network", "create", "front");
    await output("run", "-d", "--name", "web", "--network", "front", ...SLEEP);
    const { bridge, containers } = await graphOf("front");
    const address = containers[0]?.interface?.addresses[0]?.replace(/\/.*/, "") ?? "";
    const gateway = await output("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "front");
    expect(bridge?.addresses).toEqual([`${gateway}/16`]);
    expect(await sh(`ip route get ${address}`)).toContain(`dev ${bridge?.name} src ${gateway}`);
    expect((await host.shell(`ping -c1 -W3 ${address}`)).code).toBe(0);
    await host.shell(`ip link set ${bridge?.name} down`);
    expect((await graphOf("front")).bridge?.up).toBe(false);
  });

  test("explain names the bridge and its port", async () => {
    const text = await explained();
    const [, port = ""] = /the other end of (veth\w+)/.exec(text) ?? [];
    expect(text).toMatch(/ip addr show tsrun\d: 172\.\d+\.0\.1\/16/);
    expect(text).toMatch(new RegExp(`ip link show master tsrun\\d: ${port}`));
  });
});

describe("why containers reach each other", () => {
  test("their cables end in one bridge", async () => {
    await output("network", "create", "front");
    for (const name of ["one", "two"])
      await output("run", "-d", "--name", name, "--network", "front", ...SLEEP);
    const { bridge, containers, otherPorts } = await graphOf("front");
    expect(containers.map(({ name }) => name).sort()).toEqual(["one", "two"]);
    const ports = await sh(`ls /sys/class/net/${bridge?.name}/brif`);
    expect(containers.map(({ hostLink }) => hostLink?.name).sort()).toEqual(ports.split("\n").sort());
    expect(otherPorts).toEqual([]);
    const two =
      containers.find(({ name }) => name === "two")?.interface?.addresses[0]?.replace(/\/.*/, "") ?? "";
    expect(await output("exec", "one", "ping", "-c1", "-W3", two)).toContain("1 packets received");

    await host.shell(
      `ip link add stranger0 type veth peer name stranger1 && ip link set stranger0 master ${bridge?.name}`,
    );
    expect(await drawn("front")).toMatch(/ports +veth\w+, veth\w+, stranger0/);
    await host.shell("ip link del stranger0");
    await output("network", "disconnect", "front", "two");
    expect((await graphOf("front")).containers.map(({ name }) => name)).toEqual(["one"]);
  });

  test("and those of others do not: the rules that say so are named", async () => {
    const text = await explained();
    expect(text).toMatch(/nft list chain inet tsrun-\w+ to-tsrun\d: .*iifname "tsrun\d" accept; drop/);
  });
});

describe("why it reaches outside", () => {
  const seenAs = async (): Promise<string> => {
    const { stdout } = await tsrun("exec", "web", "nc", "-w", "2", internet.address, "8080");
    return stdout.trim().replace("::ffff:", "");
  };

  test("its default route is the bridge, whose network is masqueraded, and the host forwards", async () => {
    await output("network", "create", "front");
    await output("run", "-d", "--name", "web", "--network", "front", ...SLEEP);
    const graph = await graphOf("front");
    const gateway = graph.bridge?.addresses[0]?.replace(/\/.*/, "");
    expect(graph.containers[0]?.routes[0]).toEqual({ destination: "default", gateway, device: "eth0" });
    expect(graph.host.forwarding.ipv4).toBe(true);
    expect(graph.host.routes).toContainEqual({
      destination: "default",
      gateway: internet.address,
      device: "wan0",
    });
    expect(graph.host.links[0]?.addresses).toContain(`${internet.hostAddress}/24`);
    const source = chain(graph, "source-");
    expect(source).toMatchObject({ from: "postrouting", rules: [expect.stringContaining("masquerade")] });
    expect(await seenAs()).toBe(internet.hostAddress);

    // The graph is what the kernel does, not what tsrun once wrote.
    await host.shell(`nft flush chain inet ${source?.table} ${source?.name}`);
    expect(chain(await graphOf("front"), "source-")?.rules).toEqual([]);
    expect(await seenAs()).toBe("");
    await host.shell(`nft add rule inet ${source?.table} admin ip daddr ${internet.address} drop`);
    expect(await drawn("front")).toContain(`ip daddr ${internet.address} drop`);
    await host.shell(`nft flush chain inet ${source?.table} admin`);
  });

  test("explain names the rules and the host's link; an internal network has neither", async () => {
    const text = await explained();
    expect(text).toMatch(/nft list chain inet tsrun-\w+ source-tsrun\d: oifname != "tsrun\d" masquerade/);
    expect(text).toContain("sysctl net.ipv4.ip_forward: 1");
    expect(text).toContain(`ip route: default via ${internet.address} dev wan0`);
    await output("network", "create", "--internal", "vault");
    const inside = await explained("--network", "vault");
    expect(inside).toMatch(/nft list chain inet tsrun-\w+ from-br-\w+: oifname != "br-\w+" drop/);
    expect(inside).not.toContain("masquerade");
    expect(inside).toContain("no way out");
  });
});

describe("how a port is forwarded", () => {
  test("by an element of a map, which the graph shows at the container", async () => {
    await output("network", "create", "front");
    await output("run", "-d", "--name", "web", "--network", "front", "-p", "18300:80", ...WEB);
    const graph = await graphOf("front");
    const [port] = graph.containers[0]?.ports ?? [];
    expect(port).toMatchObject({ protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 18300, port: 80 });
    expect(await sh(`nft list map inet ${port?.table} ${port?.map}`)).toContain(port?.element);
    expect(graph.chains.map(({ name }) => name)).toContain("published");
    expect(await drawn("front")).toMatch(/published +0\.0\.0\.0:18300\/tcp (→|->) 172\.\d+\.0\.2:80/);
    expect(await sh("curl -s --max-time 3 http://127.0.0.1:18300/index.html")).toBe("it works");
  });

  test("explain names the port, where it leads, and the map", async () => {
    const text = await explained("-p", "127.0.0.1:18301:80/udp");
    expect(text).toMatch(/port 18301\/udp of 127\.0\.0\.1 on the host leads to 172\.\d+\.\d+\.\d+, port 80/);
    expect(text).toMatch(
      /nft list map inet tsrun-\w+-ports published4: udp \. 127\.0\.0\.1 \. 18301 : 172\.\S+ \. 80/,
    );
  });
});

test("a drawing fits a page; other formats have the same data, and a missing network fails", async () => {
  await output("network", "create", "--ipv6", "front");
  await output("run", "-d", "--name", "web", "--network", "front", "-p", "18302:80", ...SLEEP);
  const text = await drawn("front");
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  const template = "{{range .containers}}{{.name}} {{.interface.name}}{{end}}";
  expect(await output("network", "inspect", "--graph", "-f", template, "front")).toBe("web eth0");
  const { code, stdout, stderr } = await tsrun("network", "inspect", "--graph", "front", "gone");
  expect({ code, stdout: stdout.slice(0, 14) }).toEqual({ code: 1, stdout: "Network front:" });
  expect(stderr).toContain("network gone not found");
});

/** Published ports against the kernel: a bridge, and behind it a network namespace with a web server. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NETLINK_NETFILTER, openNetlink } from "../../src/kernel/netlink.ts";
import { publishPorts, unpublishPorts } from "../../src/network/ports/publish.ts";
import { reservePorts } from "../../src/network/ports/reserve.ts";
import { portsTable } from "../../src/network/ports/rules.ts";
import { until } from "../support/engine.ts";
import { talker } from "../support/talker.ts";

const folder = mkdtempSync("/tmp/tsrun-ports-");
const paths = { root: join(folder, "root"), run: join(folder, "run") };
const table = portsTable(paths);
const sh = (command: string): string =>
  execFileSync("sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const options = { addresses: ["0.0.0.0"], publisher: () => undefined };
const target = {
  address: "172.30.9.2",
  bridge: "br-ports",
  subnet: "172.30.9.0/24",
  hostInterface: "portsv",
};
const web = { containerPort: 80, protocol: "tcp" } as const;
const server = { pid: 0 };

/** What curl(1) says when nobody answers. */
const CONNECTION_REFUSED = 7;
const get = (url: string, where = ""): string =>
  sh(`${where} curl -s --max-time 3 ${url}/page || echo $?`).trim();

beforeAll(async () => {
  sh(`mkdir -p ${folder}/www && echo served > ${folder}/www/page`);
  sh(`ip link add br-ports type bridge && ip addr add 172.30.9.1/24 dev br-ports && ip link set br-ports up && sysctl -qw net.ipv4.ip_forward=1
      ip addr add 10.99.9.1/24 dev lo
      ip netns add ports && ip link add portsv type veth peer name eth0 netns ports
      ip link set portsv master br-ports up
      ip -n ports addr add 172.30.9.2/24 dev eth0 && ip -n ports link set eth0 up && ip -n ports link set lo up
      ip -n ports route add default via 172.30.9.1`);
  const child = spawn("ip", [
    "netns",
    "exec",
    "ports",
    "busybox",
    "httpd",
    "-f",
    "-p",
    "80",
    "-h",
    `${folder}/www`,
  ]);
  server.pid = child.pid ?? 0;
  await until(() => get("http://172.30.9.2") === "served");
});

afterAll(() => {
  process.kill(server.pid);
  sh(`ip netns del ports; ip link del br-ports; ip addr del 10.99.9.1/24 dev lo
      nft list table inet ${table} >/dev/null 2>&1 && nft delete table inet ${table}; true`);
  rmSync(folder, { recursive: true });
});

test("a published port is reached by the loopback, by the host's addresses, and by the container itself", async () => {
  using reserved = reservePorts([web], options);
  const [port] = reserved.ports;
  await publishPorts(paths, reserved.ports, target);
  for (const address of ["127.0.0.1", "10.99.9.1", "172.30.9.1"]) {
    expect(get(`http://${address}:${port?.hostPort}`)).toBe("served");
  }
  expect(get(`http://10.99.9.1:${port?.hostPort}`, "ip netns exec ports")).toBe("served");

  unpublishPorts(paths, reserved.ports);
  expect(get(`http://127.0.0.1:${port?.hostPort}`)).toBe(`${CONNECTION_REFUSED}`);
  expect(sh(`nft list table inet ${table}`)).not.toContain("172.30.9.2");
});

test("one that is published at an address is nowhere else", async () => {
  using reserved = reservePorts([{ ...web, hostAddress: "10.99.9.1" }], options);
  const port = reserved.ports[0]?.hostPort;
  await publishPorts(paths, reserved.ports, target);
  expect(get(`http://10.99.9.1:${port}`)).toBe("served");
  expect(get(`http://127.0.0.1:${port}`)).toBe(`${CONNECTION_REFUSED}`);
  unpublishPorts(paths, reserved.ports);
});

test("the datagrams end it, whoever sends them", async () => {
  using reserved = reservePorts([web, { containerPort: 53, protocol: "udp" }], options);
  const farewell = await publishPorts(paths, reserved.ports, target);
  using socket = openNetlink(NETLINK_NETFILTER);
  expect(farewell).toHaveLength(3); // one for each port, and one that asks for the flows of udp
  for (const datagram of farewell) writeSync(socket.fd, datagram);
  expect(sh(`nft list table inet ${table}`)).not.toContain("172.30.9.2");
});

test("publishing again replaces what a killed container has left", async () => {
  using reserved = reservePorts([web], options);
  await publishPorts(paths, reserved.ports, { ...target, address: "172.30.9.77" });
  await publishPorts(paths, reserved.ports, target);
  expect(get(`http://127.0.0.1:${reserved.ports[0]?.hostPort}`)).toBe("served");
  unpublishPorts(paths, reserved.ports);
});

describe("a flow of udp that clients keep alive", () => {
  const udp = { containerPort: 5353, protocol: "udp" } as const;
  const second = { ...target, address: "172.30.9.3" };

  test.each([{}, { hostAddress: "127.0.0.1" }])("goes where its port leads now, %j", async (where) => {
    sh("ip -n ports addr add 172.30.9.3/24 dev eth0");
    await using _one = await echo("one", target.address);
    await using _two = await echo("two", second.address);
    using reserved = reservePorts([{ ...udp, ...where }], options);
    using client = await talker(reserved.ports[0]?.hostPort ?? 0);
    expect(await client.ask()).toBe(""); // what nobody has answered is a flow too
    await publishPorts(paths, reserved.ports, target);
    expect(await client.ask()).toBe("one");
    await publishPorts(paths, reserved.ports, second);
    expect(await client.ask()).toBe("two");
    unpublishPorts(paths, reserved.ports);
    expect(await client.ask()).toBe("");
    sh("ip -n ports addr del 172.30.9.3/24 dev eth0");
  });

  test("is forgotten with its own port, among many of them, and no other is", async () => {
    const ports = Array.from({ length: 40 }, (_, at) => ({ ...udp, containerPort: 5353 + at }));
    await using _server = await echo("one", target.address);
    using reserved = reservePorts(ports, options);
    using other = reservePorts([udp], options);
    await publishPorts(paths, [...reserved.ports, ...other.ports], target);
    using client = await talker(reserved.ports[0]?.hostPort ?? 0);
    using neighbour = await talker(other.ports[0]?.hostPort ?? 0);
    expect(await client.ask()).toBe("one");
    expect(await neighbour.ask()).toBe("one");
    unpublishPorts(paths, reserved.ports);
    expect(await client.ask()).toBe("");
    expect(flows(client.port)).not.toContain("172.30.9.2");
    expect(flows(neighbour.port)).toContain("172.30.9.2");
    unpublishPorts(paths, other.ports);
  });
});

test("nobody on the bridge reaches the host's loopback", async () => {
  using reserved = reservePorts([web], options);
  await publishPorts(paths, reserved.ports, target);
  using listener = await listening("127.0.0.1");
  sh(
    "ip -n ports route add 127.0.0.0/8 via 172.30.9.1 table 99; ip -n ports rule add pref 0 to 127.0.0.0/8 lookup 99",
  );
  sh("ip netns exec ports sysctl -qw net.ipv4.conf.eth0.route_localnet=1");
  expect(Number(get(`http://127.0.0.1:${listener.port}`, "ip netns exec ports"))).toBeGreaterThan(0);
  unpublishPorts(paths, reserved.ports);
});

test("a port in use is refused with who has it, and a range goes on to the next", async () => {
  using listener = await listening("0.0.0.0");
  const { port } = listener;
  const taken = { ...web, hostPorts: { first: port, last: port } };
  expect(() => reservePorts([taken], options)).toThrow(
    expect.objectContaining({
      code: "ERR_TSRUN_PORT_IN_USE",
      message: `Bind for 0.0.0.0:${port} failed: port is already allocated`,
      hint: expect.stringContaining(`(process ${process.pid}) listens there`),
    }),
  );
  using next = reservePorts([{ ...web, hostPorts: { first: port, last: port + 20 } }], options);
  expect(next.ports[0]?.hostPort).toBeGreaterThan(port);
  const again = {
    ...web,
    hostPorts: { first: next.ports[0]?.hostPort ?? 0, last: next.ports[0]?.hostPort ?? 0 },
  };
  expect(() => reservePorts([again], { ...options, publisher: () => "web" })).toThrow(
    expect.objectContaining({ hint: expect.stringContaining("container web publishes it") }),
  );
});

test("an address that the host has not got is refused", () => {
  expect(() => reservePorts([{ ...web, hostAddress: "203.0.113.7" }], options)).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_PORT_ADDRESS" }),
  );
});

/** Answers every datagram to port 5353 of that address with a word. */
async function echo(word: string, address: string): Promise<AsyncDisposable> {
  const program = `const s = require("dgram").createSocket("udp4");
    s.on("message", (m, { port, address }) => s.send(process.argv[1], port, address));
    s.bind(5353, process.argv[2], () => console.log("ready"))`;
  const child = spawn("ip", ["netns", "exec", "ports", process.execPath, "-e", program, word, address]);
  await once(child.stdout, "data");
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, "exit");
    },
  };
}

/** What the kernel knows of a client's flow. */
const flows = (port: number): string => sh(`grep "sport=${port} " /proc/net/nf_conntrack || true`);

async function listening(host: string): Promise<Disposable & { port: number }> {
  const listener = createServer((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nthe host's"));
  await new Promise<void>((resolve) => listener.listen(0, host, resolve));
  return { port: (listener.address() as { port: number }).port, [Symbol.dispose]: () => listener.close() };
}

/** The fifth question: how does a packet to a port of the host get to a container? Its destination is replaced. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { type Outside, outside } from "./support/outside.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output } = host;
const servers: ChildProcess[] = [];
let internet: Outside;

beforeAll(async () => {
  internet = await outside(host.shell);
});
afterAll(async () => await internet[Symbol.asyncDispose]());
afterEach(async () => {
  for (const server of servers.splice(0)) server.kill();
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

/** A container in whose network a program tells each client of port 80 what its address is. */
async function mirror(name: string, ...flags: string[]): Promise<void> {
  await output("run", "-d", "--name", name, ...flags, IMAGE, "sleep", "1000");
  const pid = await output("inspect", "-f", "{{.State.Pid}}", name);
  const program = `require("node:net").createServer((s) => s.end(s.remoteAddress + "\\n")).listen(80, () => console.log("ready"))`;
  const server = spawn("nsenter", ["-t", pid, "-n", process.execPath, "-e", program]);
  servers.push(server);
  await once(server.stdout, "data");
}

/** What a client hears at the address: where it seems to come from; "" where nobody answers. */
const ask = (address: string, port: number): string => `timeout 3 busybox nc ${address} ${port} </dev/null`;
const heard = ({ stdout }: { stdout: string }): string => stdout.trim().replace("::ffff:", "");
const fromHost = async (address: string, port: number) => heard(await host.shell(ask(address, port)));
const fromOutside = async (address: string, port: number) => heard(await internet.sh(ask(address, port)));
const fromContainer = async (container: string, address: string, port: number) =>
  heard(await host.tsrun("exec", container, "sh", "-c", `nc -w 3 ${address} ${port} </dev/null`));

test("from anywhere, by every address of the host, and the server sees who asks", async () => {
  await mirror("web", "-p", "18120:80");
  await output("run", "-d", "--name", "other", IMAGE, "sleep", "1000");
  const inspect = (name: string, field: string): Promise<string> =>
    output("inspect", "-f", `{{.NetworkSettings.${field}}}`, name);
  const gateway = await inspect("web", "Gateway");

  expect(await fromOutside(internet.hostAddress, 18120)).toBe(internet.address);
  expect(await fromHost(internet.hostAddress, 18120)).toBe(internet.hostAddress);
  // An answer to 127.0.0.1 would not leave the container, nor one to a neighbour pass by the host.
  expect(await fromHost("127.0.0.1", 18120)).toBe(gateway);
  expect(await fromContainer("other", internet.hostAddress, 18120)).toBe(gateway);
  expect(await fromContainer("web", internet.hostAddress, 18120)).toBe(gateway);
});

test("by IPv6 in the same way, where the network has it", async () => {
  await output("network", "create", "--ipv6", "--subnet", "fd73::/64", "dual");
  await mirror("web", "--network", "dual", "-p", "18121:80");
  await output("run", "-d", "--name", "other", "--network", "dual", IMAGE, "sleep", "1000");
  expect(await output("port", "web")).toBe("80/tcp -> 0.0.0.0:18121\n80/tcp -> [::]:18121");
  expect(await fromOutside(internet.hostAddress6, 18121)).toBe(internet.address6);
  expect(await fromOutside(internet.hostAddress, 18121)).toBe(internet.address);
  expect(await fromHost(internet.hostAddress6, 18121)).toBe(internet.hostAddress6);
  expect(await fromContainer("other", internet.hostAddress6, 18121)).toBe("fd73::1");
  await output("rm", "-f", "web");
  expect(await fromOutside(internet.hostAddress6, 18121)).toBe("");
});

test("at one address only where it is published there", async () => {
  await mirror("web", "-p", "127.0.0.1:18122:80", "-p", `${internet.hostAddress}:18123:80`);
  expect(await fromOutside(internet.hostAddress, 18122)).toBe("");
  expect(await fromHost("127.0.0.1", 18122)).not.toBe("");
  expect(await fromOutside(internet.hostAddress, 18123)).toBe(internet.address);
  expect(await fromHost("127.0.0.1", 18123)).toBe("");
});

test("explain names the port, where it leads, and the map of the packet filter", async () => {
  const explained = await output("explain", "run", "--rm", "-p", "18124:80", IMAGE, "true");
  expect(explained).toMatch(/18124/);
  expect(explained).toMatch(/published4_any/);
});

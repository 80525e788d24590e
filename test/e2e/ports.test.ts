/** How a port of the host is forwarded to a container. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../support/engine.ts";
import { talker } from "../support/talker.ts";
import { killNow, monitorsOf } from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;
const WEB = ["busybox", "httpd", "-f", "-h", "/www"];
const PAGE = "it works";

const sh = (line: string): string => execFileSync("sh", ["-c", line], { encoding: "utf8" }).trim();
/** The page, or curl's exit code. */
const get = (url: string): string => sh(`curl -s --max-time 3 ${url}/index.html || echo $?`);
const REFUSED = "7";

const web = (...flags: string[]): Promise<string> => output("run", "-d", ...flags, ...WEB);
const addressOf = (name: string): Promise<string> =>
  output("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name);
const hostAddress = (): string =>
  Object.entries(networkInterfaces())
    .filter(([name]) => name !== "lo")
    .flatMap(([, all = []]) => all)
    .find(({ family }) => family === "IPv4")?.address ?? "";
/** Where a container's port is on the host, as `port` says. */
const mapped = async (name: string, port: string): Promise<string> =>
  (await output("port", name, port)).split("\n")[0] ?? "";

const servers: ChildProcess[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) server.kill();
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("a published port", () => {
  test("is reached by 127.0.0.1, by the host's address and from other containers, and ends with the container", async () => {
    await web("--name", "web", "-p", "18080:80");
    expect(get("http://127.0.0.1:18080")).toBe(PAGE);
    expect(get(`http://${hostAddress()}:18080`)).toBe(PAGE);
    const url = `http://${hostAddress()}:18080/index.html`;
    expect(await output("run", "--rm", "busybox", "wget", "-qO-", url)).toBe(PAGE);
    expect(await output("exec", "web", "wget", "-qO-", url)).toBe(PAGE);

    expect(await output("port", "web")).toBe("80/tcp -> 0.0.0.0:18080");
    expect(await output("port", "web", "80")).toBe("0.0.0.0:18080");
    expect(await output("ps", "--format", "{{.Ports}}")).toBe("0.0.0.0:18080->80/tcp");
    expect(await output("inspect", "-f", "{{json .NetworkSettings.Ports}}", "web")).toBe(
      '{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"18080"}]}',
    );
    expect(await output("inspect", "-f", "{{json .HostConfig.PortBindings}}", "web")).toBe(
      '{"80/tcp":[{"HostIp":"","HostPort":"18080"}]}',
    );

    await output("stop", "-t", "0", "web");
    expect(get("http://127.0.0.1:18080")).toBe(REFUSED);
    expect(await output("port", "web")).toBe("");
    await output("start", "web");
    expect(get("http://127.0.0.1:18080")).toBe(PAGE);
  });

  test("keeps the client's address", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "log",
      "-p",
      "18081:80",
      "busybox",
      "httpd",
      "-f",
      "-vv",
      "-h",
      "/www",
    );
    get(`http://${hostAddress()}:18081`);
    const client = await output("run", "--rm", "busybox", "sh", "-c", "hostname -i");
    await until(async () => (await tsrun("logs", "log")).stderr.includes("response:200"));
    expect((await tsrun("logs", "log")).stderr).toContain(hostAddress());
    expect(client).not.toBe("");
  });

  test("at one address is at no other", async () => {
    await web("-p", "127.0.0.1:18082:80");
    expect(get("http://127.0.0.1:18082")).toBe(PAGE);
    expect(get(`http://${hostAddress()}:18082`)).toBe(REFUSED);
  });

  test("is any free one where none is named, and the first free one of a range", async () => {
    await web("--name", "one", "-p", "80", "-p", "19000-19010:81");
    await web("--name", "two", "-p", "19000-19010:80");
    expect(get(`http://${(await mapped("one", "80")).replace("0.0.0.0", "127.0.0.1")}`)).toBe(PAGE);
    expect(await mapped("one", "81/tcp")).toBe("0.0.0.0:19000");
    expect(await mapped("two", "80/tcp")).toBe("0.0.0.0:19001");
  });

  test("passes udp on", async () => {
    const name = await output("run", "-d", "-p", "18053:53/udp", "busybox", "sleep", "60");
    const pid = await output("inspect", "-f", "{{.State.Pid}}", name);
    const echo =
      'const s = require("dgram").createSocket("udp4"); s.on("message", (m, { port, address }) => s.send(m, port, address)); s.bind(53)';
    const server = spawn("nsenter", ["-t", pid, "-n", process.execPath, "-e", echo]);
    const client = createSocket("udp4");
    let answer = "";
    client.on("message", (message) => {
      answer = `${message}`;
    });
    await until(() => {
      client.send("hello", 18053, "127.0.0.1");
      return answer === "hello";
    });
    client.close();
    server.kill();
    await once(server, "exit");
  });

  test("of udp leads clients to the container that has it now, and never to another with its address", async () => {
    using client = await talker(18054);
    expect(await client.ask()).toBe("");
    const first = await echo("first", "-p", "18054:53/udp");
    expect(await client.ask()).toBe("first");
    const address = await addressOf(first);
    await output("rm", "-f", first);
    const stranger = await echo("stranger");
    expect(await addressOf(stranger)).toBe(address);
    expect(await client.ask()).toBe("");
    await echo("second", "-p", "18054:53/udp");
    expect(await client.ask()).toBe("second");
  });

  test("-P publishes what image and --expose name", async () => {
    await web("--name", "all", "-P", "--expose", "80", "--expose", "7000-7001/udp");
    const lines = (await output("port", "all")).split("\n");
    expect(lines.map((line) => line.replace(/ .*/, ""))).toEqual(["80/tcp", "7000/udp", "7001/udp"]);
    expect(await output("ps", "--format", "{{.Ports}}")).toMatch(
      /^0\.0\.0\.0:\d+->80\/tcp, 0\.0\.0\.0:\d+->7000\/udp, 0\.0\.0\.0:\d+->7001\/udp$/,
    );
  });
});

/** A container, with the program of the host in its network, that answers every datagram to port 53 with a word. */
async function echo(word: string, ...flags: string[]): Promise<string> {
  const id = await output("run", "-d", ...flags, "busybox", "sleep", "60");
  const pid = await output("inspect", "-f", "{{.State.Pid}}", id);
  const program = `const s = require("dgram").createSocket("udp4");
    s.on("message", (m, { port, address }) => s.send(process.argv[1], port, address));
    s.bind(53, () => console.log("ready"));
    setTimeout(process.exit, 20_000)`;
  const server = spawn("nsenter", ["-t", pid, "-n", process.execPath, "-e", program, word]);
  await once(server.stdout, "data");
  servers.push(server);
  return id;
}

describe("published ports", () => {
  afterEach(() => output("network", "prune", "-f"));

  test("follow a container that is taken off a network, and are nobody else's", async () => {
    for (const network of ["one", "two"]) await output("network", "create", network);
    await web("--name", "moving", "--network", "one", "--network", "two", "-p", "18110:80");
    expect(get("http://127.0.0.1:18110")).toBe(PAGE);
    await output("network", "disconnect", "one", "moving");
    expect(get("http://127.0.0.1:18110")).toBe(PAGE);
    await output("network", "disconnect", "two", "moving");
    await web("--network", "two");
    expect(get("http://127.0.0.1:18110")).toBe(REFUSED);
    await output("network", "connect", "one", "moving");
    expect(get("http://127.0.0.1:18110")).toBe(PAGE);
    await output("rm", "-f", "moving");
    expect(get("http://127.0.0.1:18110")).toBe(REFUSED);
  });

  test.each([
    ["network", "ls"],
    ["run", "-d", "-p", "18112:80", ...WEB],
  ])("are put back by `tsrun %s %s` where the rules were flushed", async (...command) => {
    await web("-p", "18111:80");
    sh("nft flush ruleset");
    expect(get("http://127.0.0.1:18111")).toBe(REFUSED);
    await output(...command);
    expect(get("http://127.0.0.1:18111")).toBe(PAGE);
  });

  test("are as many as a range has", async () => {
    await web("--name", "range", "-p", "18200-18350:7000-7150");
    expect((await output("port", "range")).split("\n")).toHaveLength(151);
    const { code, stderr } = await tsrun("run", "-p", "20000-21000:20000-21000", ...WEB);
    expect(code).toBe(125);
    expect(stderr).toContain("1001 ports are too many to publish");
  });
});

describe("a port in use is refused before anything is created", () => {
  test("by another container", async () => {
    await web("--name", "first", "-p", "18090:80");
    const { code, stderr } = await tsrun("run", "--name", "second", "-p", "18090:80", ...WEB);
    expect(code).toBe(125);
    expect(stderr).toContain("Bind for 0.0.0.0:18090 failed: port is already allocated");
    expect(stderr).toContain("container first publishes it");
    expect(await output("ps", "-aq")).not.toContain("\n");
  });

  test("by a program of the host", async () => {
    const server = createServer().listen(0, "0.0.0.0");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await tsrun("run", "-d", "-p", `${port}:80`, ...WEB);
    server.close();
    expect(code).toBe(125);
    expect(stderr).toContain(`(process ${process.pid}) listens there`);
    expect(await output("ps", "-aq")).toBe("");
  });

  test("twice in one command", async () => {
    const { code } = await tsrun("run", "-p", "18091:80", "-p", "18091:81", ...WEB);
    expect(code).toBe(125);
    expect(await output("ps", "-aq")).toBe("");
  });

  test("and no program of the host can take it meanwhile", async () => {
    await web("-p", "18092:80");
    const server = createServer().listen(18092, "0.0.0.0");
    const [error] = (await once(server, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("EADDRINUSE");
  });
});

test("what a killed monitor leaves is taken back", async () => {
  await web("--name", "victim", "-p", "18093:80");
  const address = await addressOf("victim");
  for (const pid of monitorsOf(host)) killNow(pid);
  await until(async () => (await output("ps", "-q")) === "");
  expect(get("http://127.0.0.1:18093")).toBe(REFUSED);
  expect(sh("nft list ruleset")).not.toContain(`: ${address} .`);
  await web("-p", "18093:80");
  expect(get("http://127.0.0.1:18093")).toBe(PAGE);
});

test.each([
  [["-p", "80000:80"], "invalid hostPort: 80000"],
  [["-p", "80:80/icmp"], "invalid proto: icmp"],
  [["-p", "300.1.1.1:80:80"], "invalid IP address: 300.1.1.1"],
  [["-p", "203.0.113.5:18094:80"], "no interface of this host has that address"],
])("refuses %j", async (flags, message) => {
  const { code, stderr } = await tsrun("run", ...flags, ...WEB);
  expect(code).toBe(125);
  expect(stderr).toContain(message);
  expect(await output("ps", "-aq")).toBe("");
});

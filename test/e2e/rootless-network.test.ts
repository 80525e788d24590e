/** Networks of an ordinary user: bridges in a namespace of the user's, a way out of it, and ports of the host. */
import dgram from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { namespaceOf, processesOf, until, useUser } from "./support/user.ts";

const user = useUser({ uid: 51_235 });
/** Root's containers may have left a bridge. */
const linksBefore = linksOfHost();

/** Names, sorted. */
function linksOfHost(): string[] {
  const names = readFileSync("/proc/net/dev", "utf8").match(/^ *[^\s:]+(?=:)/gm) ?? [];
  return names.map((name) => name.trim()).sort();
}

const get = async (url: string): Promise<string> => {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(3000) })).text();
  } catch (error) {
    return String(error);
  }
};
const untilSaid = (url: string, text: string) =>
  until(
    () => get(url),
    (answer) => answer === text,
  );
const serve = (text: string) => [
  "tsrun/base",
  "sh",
  "-c",
  `echo ${text} > /tmp/index.html; exec httpd -f -p 80 -h /tmp`,
];

test("containers find each other by name on a network of the user's own", async () => {
  await user.output("network", "create", "shop");
  await user.output("run", "-d", "--name", "db", "--network", "shop", ...serve("rows"));
  const answer = await user.output(
    "run",
    "--rm",
    "--network",
    "shop",
    "tsrun/base",
    "wget",
    "-qO-",
    "http://db/",
  );
  expect(answer).toBe("rows");
});

test("what is made is in the user's network namespace, not on the host", async () => {
  expect(linksOfHost()).toEqual(linksBefore);
  expect(namespaceOf(user.holder(), "net")).not.toBe(namespaceOf("self", "net"));
  expect(await user.output("network", "inspect", "--graph", "shop")).toContain("db");
});

test("published ports, at all addresses or one, over TCP", async () => {
  await user.output(
    "run",
    "-d",
    "--name",
    "web",
    "-p",
    "18080:80",
    "-p",
    "127.0.0.1:18081:80",
    ...serve("hello"),
  );
  expect(await untilSaid("http://127.0.0.1:18080/", "hello\n")).toBe("hello\n");
  expect(await get("http://127.0.0.1:18081/")).toBe("hello\n");
  expect(await user.output("port", "web")).toBe("80/tcp -> 0.0.0.0:18080\n80/tcp -> 127.0.0.1:18081");
  const taken = await user.tsrun("run", "--rm", "-p", "18080:80", "tsrun/base", "true");
  expect(taken).toMatchObject({ code: 125, stderr: expect.stringContaining("port is already allocated") });
});

test("large answers arrive whole, many at once", async () => {
  await user.output(
    "exec",
    "web",
    "sh",
    "-c",
    "head -c 20000000 /dev/urandom > /tmp/large; md5sum /tmp/large > /tmp/sum",
  );
  const [sum] = (await get("http://127.0.0.1:18080/sum")).split(" ");
  const sums = await user.shell(
    "for i in 1 2 3 4 5 6; do (curl -s http://127.0.0.1:18080/large | md5sum) & done; wait",
  );
  expect(
    sums.stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  ).toEqual(Array(6).fill(sum));
});

test("over UDP, with the answers of each client's own", async () => {
  // The image has no program that speaks UDP: the host's python has.
  const host = ["/usr", "/lib", "/lib64"].flatMap((path) => ["-v", `${path}:${path}:ro`]);
  const echo = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9999))
while True: s.sendto(*s.recvfrom(100))`;
  await user.output(
    "run",
    "-d",
    "--name",
    "echo",
    "-p",
    "19999:9999/udp",
    ...host,
    "tsrun/base",
    "python3",
    "-c",
    echo,
  );
  const ask = async (text: string, patience = 10_000): Promise<string> => {
    const socket = dgram.createSocket("udp4");
    socket.send(text, 19_999, "127.0.0.1");
    const answered = once(socket, "message").then(([message]) => String(message));
    const timeUp = sleep(patience, "", { ref: false });
    const answer = await Promise.race([answered, timeUp]);
    socket.close();
    return answer;
  };
  expect(
    await until(
      () => ask("one", 500),
      (answer) => answer === "one",
    ),
  ).toBe("one");
  expect(await Promise.all(["two", "three"].map((text) => ask(text)))).toEqual(["two", "three"]);
});

test("ports are the container's again after a restart, and free after its end", async () => {
  await user.output("restart", "-t", "0", "web");
  expect(await untilSaid("http://127.0.0.1:18080/", "hello\n")).toBe("hello\n");
  await user.output("rm", "-f", "web");
  const server = createServer().listen(18_080, "127.0.0.1");
  await once(server, "listening");
  server.close();
});

test("ports follow a container to another network", async () => {
  await user.output("network", "create", "second");
  await user.output("run", "-d", "--name", "mover", "--network", "shop", "-p", "18082:80", ...serve("moved"));
  expect(await untilSaid("http://127.0.0.1:18082/", "moved\n")).toBe("moved\n");
  await user.output("network", "connect", "second", "mover");
  await user.output("network", "disconnect", "shop", "mover");
  expect(await untilSaid("http://127.0.0.1:18082/", "moved\n")).toBe("moved\n");
});

test("a port below 1024 and sctp are refused with what would help", async () => {
  const low = await user.tsrun("run", "--rm", "-p", "80:80", "tsrun/base", "true");
  expect(low).toMatchObject({ code: 125, stderr: expect.stringContaining("ip_unprivileged_port_start") });
  const sctp = await user.tsrun("run", "--rm", "-p", "18083:80/sctp", "tsrun/base", "true");
  expect(sctp).toMatchObject({ code: 125, stderr: expect.stringContaining("sctp") });
});

test("--network host is the host's", async () => {
  const server = createServer((socket) => socket.end("of the host")).listen(18_084, "127.0.0.1");
  await once(server, "listening");
  const said = await user.output(
    "run",
    "--rm",
    "--network",
    "host",
    "tsrun/base",
    "nc",
    "127.0.0.1",
    "18084",
  );
  expect(said).toBe("of the host");
  server.close();
  expect(
    await user.output("run", "--rm", "--network", "host", "tsrun/base", "ls", "/sys/class/net"),
  ).toContain("lo");
});

test("the outside is reached; the host's loopback is not", async () => {
  // scripts/test-host has no way out itself: an address of its own stands for the outside.
  const server = createServer((socket) => socket.end("outside")).listen(18_085, "0.0.0.0");
  await once(server, "listening");
  const names = processesOf(user.uid);
  expect(names.some((name) => name === "slirp4netns" || name.startsWith("pasta"))).toBe(true);
  const gateway = await user.tsrun(
    "run",
    "--rm",
    "tsrun/base",
    "sh",
    "-c",
    "nc -w 2 10.0.2.2 18085 </dev/null; echo end",
  );
  expect(gateway.stdout).toBe("end\n");
  server.close();
});

test("the forwarder ends with its container, also where the monitor was killed", async () => {
  await user.output("run", "-d", "--name", "short", "-p", "18086:80", ...serve("short"));
  expect(await untilSaid("http://127.0.0.1:18086/", "short\n")).toBe("short\n");
  const forwarders = () => processesOf(user.uid).filter((name) => name === "tsrun-forward").length;
  const before = forwarders();
  const init = await user.output("inspect", "-f", "{{.State.Pid}}", "short");
  const monitor = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${init}/status`, "latin1"))?.[1];
  process.kill(Number(monitor), "SIGKILL");
  await expect.poll(forwarders).toBe(before - 1);
  expect(await user.output("ps", "-a", "--filter", "name=short", "--format", "{{.State}}")).toBe("exited");
});

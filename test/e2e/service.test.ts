/** The whole life of a real service: Debian's redis-server, from a registry to an image of its own. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { debianLayer } from "./support/debian.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output } = host;

const SERVER = ["redis-server", "--dir", "/var/lib/redis", "--appendonly", "yes", "--appendfsync", "always"];
const STOP_SECONDS = 20;
/** The line that each start of it writes. */
const READY = "Ready to accept connections";
const HEALTH = [
  "--health-cmd",
  "redis-cli ping",
  "--health-interval",
  "200ms",
  "--health-start-interval",
  "200ms",
  "--health-start-period",
  "30s",
];

beforeAll(async () => {
  const config = {
    Cmd: SERVER,
    User: "redis",
    WorkingDir: "/var/lib/redis",
    ExposedPorts: { "6379/tcp": {} },
  };
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  await host.registry().pushImage("library/redis", ["7"], {
    architecture,
    layers: [debianLayer("redis-server")],
    config,
  });
}, 600_000);

const inspect = (name: string, field: string): Promise<string> =>
  output("inspect", "-f", `{{.${field}}}`, name);
const redis = (name: string, ...words: string[]): Promise<string> =>
  output("exec", name, "redis-cli", ...words);

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(50);
  }
}

const healthy = (name: string): Promise<void> =>
  until(async () => (await inspect(name, "State.Health.Status")) === "healthy", `${name} is healthy`);

const count = (text: string, words: string): number => text.split(words).length - 1;

test("it is pulled, runs, and becomes healthy", async () => {
  await output("pull", "-q", "redis:7");
  await output("run", "-d", "--name", "db", "--restart", "always", ...HEALTH, "redis:7");
  await healthy("db");
  expect(await output("ps", "--format", "{{.Names}} {{.Image}} {{.Status}}")).toMatch(
    /^db redis:7 Up .* \(healthy\)$/,
  );
});

test("it keeps what it is told", async () => {
  expect(await redis("db", "set", "greeting", "hello")).toBe("OK");
  expect(await redis("db", "get", "greeting")).toBe("hello");
});

test("it stops in time and in order, and stays stopped", async () => {
  const begin = performance.now();
  await output("stop", "-t", String(STOP_SECONDS), "db");
  expect(performance.now() - begin).toBeLessThan((STOP_SECONDS * 1000) / 2);
  await sleep(500); // its policy would have started it again by now
  expect(await inspect("db", "State.Status")).toBe("exited");
  expect(await inspect("db", "State.ExitCode")).toBe("0");
  expect(await output("logs", "db")).toContain("bye bye");
});

test("started again it has its data", async () => {
  await output("start", "db");
  await healthy("db");
  expect(await redis("db", "get", "greeting")).toBe("hello");
});

test("killed, it is started again by its policy; who follows the log sees both", async () => {
  const follower = host.start({}, "logs", "-f", "--tail", "0", "db");
  const pid = Number(await inspect("db", "State.Pid"));
  process.kill(pid, "SIGKILL");
  await follower.until(new RegExp(READY));
  await healthy("db");
  expect(Number(await inspect("db", "State.Pid"))).not.toBe(pid);
  expect(await inspect("db", "RestartCount")).toBe("1");
  expect(await redis("db", "get", "greeting")).toBe("hello");
  follower.child.kill("SIGKILL");
  await follower.result;
});

test("its log has all three starts", async () => {
  expect(count(await output("logs", "db"), READY)).toBe(3);
});

test("a container of its commit has the data", async () => {
  expect(await output("commit", "-m", "with data", "db", "redis:filled")).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await redis("db", "set", "greeting", "changed since")).toBe("OK");
  await output("run", "-d", "--name", "copy", ...HEALTH, "redis:filled");
  await healthy("copy");
  expect(await redis("copy", "get", "greeting")).toBe("hello");
  expect(await redis("db", "get", "greeting")).toBe("changed since");
  await output("rm", "-f", "copy");
});

test("export and import give the same tree", async () => {
  await output("stop", "db");
  const [first, second] = ["first", "second"].map((name) => join(host.directory, `${name}.tar`)) as [
    string,
    string,
  ];
  await output("export", "-o", first, "db");
  const change = `CMD ${JSON.stringify(SERVER)}`;
  await output("import", "-c", change, "-c", "USER redis", first, "redis:imported");
  await output("create", "--name", "again", ...HEALTH, "redis:imported");
  await output("export", "-o", second, "again");
  expect(listing(second)).toEqual(listing(first));
  expect(contents(second)).toBe(contents(first));

  await output("start", "again");
  await healthy("again");
  expect(await redis("again", "get", "greeting")).toBe("changed since");
  await output("rm", "-f", "again", "db");
});

/** Names, types, modes, owners, sizes, times and links of all entries but the root, which is each container's own. */
const listing = (archive: string): string[] =>
  execFileSync("tar", ["--numeric-owner", "--full-time", "-tvf", archive], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  })
    .split("\n")
    .filter((line) => !line.endsWith(" ./"))
    .map((line) => line.replaceAll(/ +/g, " ")) // the columns are as wide as their archive needs
    .sort();

/** A digest of all files' contents, in the order of their names. */
function contents(archive: string): string {
  const names = execFileSync("tar", ["-tf", archive], { encoding: "utf8", maxBuffer: 2 ** 28 }).split("\n");
  const files = names.filter((name) => name !== "" && !name.endsWith("/")).sort();
  const directory = `${archive}.d`;
  mkdirSync(directory);
  execFileSync("tar", ["-C", directory, "-xf", archive]);
  const hash = createHash("sha256");
  for (const file of files.map((name) => join(directory, name)).filter((path) => lstatSync(path).isFile()))
    hash.update(readFileSync(file));
  return hash.digest("hex");
}

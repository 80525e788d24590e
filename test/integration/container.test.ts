/** A container's life through the engine: what each step leaves on the host, and what a failed one does not. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { type ContainerOptions, Engine, TsrunError } from "../../src/index.ts";
import { BRIDGE } from "../../src/network/predefined.ts";
import { containerDir, containerRunDir } from "../../src/store/paths.ts";
import { IMAGE, said, textOf, until, useEngine } from "../support/engine.ts";

const host = useEngine();
const { engine, paths, directory } = host;

const files = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);
const leases = (): string[] => files(join(paths.run, "networks", BRIDGE.id, "leases"));

/** Directories of the container in the cgroup hierarchies. */
function cgroupsOf(id: string): string[] {
  const mounts = ["/sys/fs/cgroup", ...files("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name))];
  return mounts.map((mount) => join(mount, "tsrun", id)).filter((path) => existsSync(path));
}

test("created, started, ended, started again, removed", async () => {
  const { id, name } = await engine.create({
    image: IMAGE,
    command: ["sh", "-c", "date +%s%N >> /kept; exec sleep 1000"],
  });
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect((await engine.inspect(name)).state).toMatchObject({
    status: "created",
    pid: 0,
    startedAt: "",
    finishedAt: "",
  });
  expect([cgroupsOf(id), leases()]).toEqual([[], []]);

  const first = await engine.start(id);
  expect((await engine.inspect(name)).state).toMatchObject({
    status: "running",
    pid: first.pid,
    exitCode: 0,
  });
  expect(cgroupsOf(id)).not.toEqual([]);
  expect(leases()).toHaveLength(1);
  await expect(engine.start(id)).rejects.toMatchObject({ code: "ERR_TSRUN_CONTAINER_RUNNING" });
  await expect(engine.remove(id)).rejects.toMatchObject({ code: "ERR_TSRUN_CONTAINER_RUNNING" });
  await engine.kill(id);
  await first.exited;
  const { state } = await engine.inspect(name);
  expect(state).toMatchObject({ status: "exited", pid: 0, exitCode: 137, oomKilled: false, error: "" });
  expect(state.startedAt < state.finishedAt).toBe(true);
  expect([cgroupsOf(id), leases(), files(containerRunDir(paths, id))]).toEqual([[], [], []]);

  const second = await engine.start(id);
  await until(
    async () =>
      (await textOf((await engine.exec(id, { command: ["wc", "-l", "/kept"] })).stdout)) === "2 /kept\n",
  );
  await engine.stop(id, { timeout: 0 });
  await second.exited;
  await engine.remove(id);
  expect(existsSync(containerDir(paths, id))).toBe(false);
  expect(files(join(paths.root, "names"))).not.toContain(name);
});

const REFUSED: [string, Partial<ContainerOptions>][] = [
  ["a command that does not exist", { command: ["no-such-command"] }],
  ["a file that is no program", { command: ["/etc/passwd"] }],
  [
    "a bind source that is missing",
    { mounts: [{ type: "bind", source: "/no/such", target: "/x", readOnly: false, sourceMustExist: true }] },
  ],
  ["a user that the image does not know", { user: "nobody-knows" }],
  ["a kernel setting that does not exist", { sysctls: { "net.ipv4.no_such_setting": "1" } }],
  ["an image that is not here", { image: "tsrun-test.invalid/none", pull: "never" }],
  ["a name that is none", { name: "/" }],
  ["a limit that this machine cannot keep", { resources: { cpu: { cpus: "4000" } } }],
];

test.each(REFUSED)("%s: refused with a reason, and nothing of the start is left", async (_what, options) => {
  const error = await engine
    .run({ image: IMAGE, command: ["true"], ...options })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TsrunError);
  for (const { record, state } of await engine.list()) {
    expect(state).toMatchObject({ status: "created", error: (error as TsrunError).message });
    expect([cgroupsOf(record.id), files(containerRunDir(paths, record.id))]).toEqual([[], []]);
  }
  expect(leases()).toEqual([]);
});

test("ports of a start that fails early are free again in the process that asked for it", async () => {
  const port = 18_765;
  const isFree = async (): Promise<boolean> => {
    const server = createServer();
    const isListening = new Promise<boolean>((resolve) => {
      server.once("listening", () => resolve(true)).once("error", () => resolve(false));
    });
    server.listen(port, "0.0.0.0");
    return isListening.finally(() => server.close());
  };
  await engine.volumes.create({ name: "broken", options: { type: "no-such-fs", device: "none" } });
  const options: ContainerOptions = {
    image: IMAGE,
    command: ["true"],
    network: "bridge",
    ports: [{ containerPort: 80, protocol: "tcp", hostPorts: { first: port, last: port } }],
  };
  const mounts: ContainerOptions["mounts"] = [
    { type: "volume", name: "broken", target: "/x", readOnly: false },
  ];
  await expect(engine.run({ ...options, mounts })).rejects.toBeInstanceOf(TsrunError);
  expect(await isFree()).toBe(true);

  const run = join(directory, "run-in-the-way");
  mkdirSync(run);
  writeFileSync(join(run, "containers"), "");
  const other = new Engine({ paths: { ...paths, run }, config: loadConfig({}) });
  await expect(other.run(options)).rejects.toThrow();
  expect(await isFree()).toBe(true);
});

test("the same with autoRemove leaves no container either", async () => {
  for (const [, options] of REFUSED) {
    await expect(
      engine.run({ image: IMAGE, command: ["true"], autoRemove: true, ...options }),
    ).rejects.toBeInstanceOf(TsrunError);
  }
  expect(await engine.list()).toEqual([]);
  expect(files(join(paths.root, "containers"))).toEqual([]);
});

test("stop lets a process end by itself, within its time", async () => {
  const polite = await host.sh("trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done");
  await said(polite.stdout, /ready/);
  await engine.stop(polite.containerId);
  expect((await polite.exited).exitCode).toBe(3);
  const deaf = await host.sh("echo ready; sleep 1000", { stopTimeout: 0 });
  await said(deaf.stdout, /ready/);
  await engine.stop(deaf.containerId);
  expect((await deaf.exited).exitCode).toBe(137);
  await engine.stop(deaf.containerId);
});

test("a process killed for its memory, and only such a one, is OOM-killed", async () => {
  const limited = { resources: { memory: { limit: 32 << 20, swap: 32 << 20 } } };
  const hog = await host.sh("head -c 100000000 /dev/zero | tail -c 90000000", limited);
  hog.stdout.resume();
  expect(await hog.exited).toMatchObject({ exitCode: 137, oomKilled: true });
  const modest = await host.sh("exit 137", limited);
  expect(await modest.exited).toMatchObject({ exitCode: 137, oomKilled: false });
});

test("a state document of a later process with the same number is not believed", async () => {
  const { containerId: id, exited } = await host.sh("true");
  await exited;
  const file = join(containerDir(paths, id), "state.json");
  const ended = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...ended, status: "running", pid: process.pid, startTicks: 1 }));
  expect((await engine.inspect(id)).state).toMatchObject({ status: "exited", exitCode: 137 });
  await expect(engine.kill(id)).rejects.toMatchObject({ code: "ERR_TSRUN_CONTAINER_NOT_RUNNING" });
  await engine.remove(id);
});

test("what a killed command left half made is swept away", async () => {
  const id = "f".repeat(64);
  for (const part of ["upper", "work"]) mkdirSync(join(containerDir(paths, id), part), { recursive: true });
  mkdirSync(containerRunDir(paths, id), { recursive: true });
  expect(await engine.list()).toEqual([]);
  expect([existsSync(containerDir(paths, id)), existsSync(containerRunDir(paths, id))]).toEqual([
    false,
    false,
  ]);
});

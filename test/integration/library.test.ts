/** The library as a program uses it: types, streams, AbortSignal, and nothing left of it in the process. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { Engine, type LogEntry, type PullEvent, TsrunError } from "../../src/index.ts";
import { REPOSITORY } from "../support/cli.ts";
import { IMAGE, removeAll, said, textOf, useEngine } from "../support/engine.ts";

const host = useEngine();
const { engine, paths } = host;
const run = promisify(execFile);

test("pull, run, exec, logs, kill, remove", async () => {
  const events: PullEvent[] = [];
  const { id, names } = await engine.images.pull(IMAGE, { onProgress: (event) => events.push(event) });
  expect([id, names]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}$/), ["tsrun/base:latest"]]);
  expect((await engine.images.inspect(IMAGE)).id).toBe(id);

  const handle = await engine.run({
    image: IMAGE,
    name: "web",
    interactive: true,
    env: ["WHO=world"],
    command: ["sh", "-c", 'echo "hello $WHO"; cat; echo done >&2; sleep 1000'],
  });
  expect(await said(handle.stdout, /\n/)).toBe("hello world\n");
  handle.stdin.end("typed\n");
  expect(await said(handle.stdout, /\n/)).toBe("typed\n");
  expect(await said(handle.stderr, /\n/)).toBe("done\n");

  const exec = await engine.exec("web", {
    command: ["sh", "-c", "cat; exit 4"],
    interactive: true,
    env: ["A=b"],
  });
  exec.stdin.end("through exec");
  expect(await textOf(exec.stdout)).toBe("through exec");
  expect(await exec.exited).toEqual({ exitCode: 4, oomKilled: false });

  const summary = await engine.inspect("web");
  expect(summary.state).toMatchObject({ status: "running", pid: handle.pid });
  expect(readlinkSync(`/proc/${handle.pid}/ns/pid`)).not.toBe(readlinkSync("/proc/self/ns/pid"));
  await engine.kill("web");
  expect(await handle.exited).toMatchObject({ exitCode: 137, state: { status: "exited", exitCode: 137 } });

  const entries: LogEntry[] = [];
  for await (const entry of engine.logs("web")) entries.push(entry);
  expect(entries.map(({ stream, text }) => `${stream}: ${text}`)).toEqual([
    "stdout: hello world\n",
    "stdout: typed\n",
    "stderr: done\n",
  ]);
  await engine.remove("web");
  await expect(engine.inspect("web")).rejects.toMatchObject({ code: "ERR_TSRUN_CONTAINER_NOT_FOUND" });
});

test("failures are TsrunErrors with a code and a hint", async () => {
  const error = await host.sh("true", { command: ["no-such-program"] }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TsrunError);
  expect(error).toMatchObject({ exitCode: 127, message: expect.stringContaining("no-such-program") });
  const [left] = await engine.list();
  expect(left?.state).toMatchObject({ status: "created", exitCode: 127 });
});

test("with autoRemove nothing is left once `exited` has resolved", async () => {
  const { exited } = await host.sh("exit 3", { autoRemove: true, network: "bridge" });
  expect((await exited).exitCode).toBe(3);
  expect(readdirSync(join(paths.root, "containers"))).toEqual([]);
  expect(readdirSync(join(paths.root, "names"))).toEqual([]);
  expect(readdirSync(join(paths.run, "containers"))).toEqual([]);
});

test("an AbortSignal ends a pull, a start, an exec and a log that is followed", async () => {
  const aborted = { signal: AbortSignal.abort(new Error("enough")) };
  const fresh = new Engine({
    paths: { root: join(host.directory, "fresh"), run: join(host.directory, "fresh-run") },
    config: loadConfig({}),
  });
  await expect(fresh.images.pull(IMAGE, aborted)).rejects.toThrow("enough");
  expect(await fresh.images.list()).toEqual([]);
  await expect(engine.run({ image: IMAGE, command: ["sleep", "1000"] }, aborted)).rejects.toThrow("enough");

  for (let after = 0; after < 40; after += 4) {
    const controller = new AbortController();
    const starting = engine.run({ image: IMAGE, command: ["sleep", "1000"], autoRemove: true }, controller);
    void sleep(after).then(() => controller.abort(new Error("enough")));
    const handle = await starting.catch((error: Error) => {
      expect(error.message).toBe("enough");
    });
    handle?.kill("KILL");
    await handle?.exited;
  }
  await removeAll(engine);

  const { containerId } = await host.sh("echo one; sleep 1000");
  await expect(engine.exec(containerId, { command: ["true"], ...aborted })).rejects.toThrow("enough");
  const controller = new AbortController();
  const follow = async (): Promise<void> => {
    for await (const { text } of engine.logs(containerId, { follow: true, signal: controller.signal })) {
      expect(text).toBe("one\n");
      controller.abort(new Error("seen"));
    }
  };
  await expect(follow()).rejects.toThrow("seen");
});

test("detached from, a process lives on, with --rm too", async () => {
  const handle = await host.sh("until [ -e /go ]; do sleep 0.02; done; exit 6", { autoRemove: true });
  handle.detach();
  await expect(handle.exited).rejects.toMatchObject({ code: "ERR_TSRUN_DETACHED" });
  expect((await engine.inspect(handle.containerId)).state.status).toBe("running");
  const attached = await engine.attach(handle.containerId);
  const { exited } = await engine.exec(handle.containerId, { command: ["touch", "/go"] });
  await exited.catch(() => {}); // it may go with the container
  expect((await attached.exited).exitCode).toBe(6);
});

test("two engines in one process share what their paths share, and nothing else", async () => {
  const same = new Engine({ paths, config: loadConfig({}) });
  const other = new Engine({
    paths: { root: join(host.directory, "other"), run: join(host.directory, "other-run") },
    config: loadConfig({}),
  });
  const [mine, theirs] = await Promise.all([
    host.sh("sleep 1000", { name: "twin" }),
    other.run({ image: IMAGE, name: "twin", network: "bridge", command: ["sleep", "1000"] }),
  ]);
  expect((await same.inspect("twin")).record.id).toBe(mine.containerId);
  expect((await other.inspect("twin")).record.id).toBe(theirs.containerId);
  expect((await same.list()).map(({ record }) => record.id)).toEqual([mine.containerId]);
  await same.stop("twin", { timeout: 0 });
  expect((await mine.exited).exitCode).toBe(137);
  expect((await other.inspect("twin")).state.status).toBe("running");
  await removeAll(other);
});

const descriptors = (): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d{3,}/g, "N")];
    } catch {
      return []; // the one that lists
    }
  });

const children = (): string =>
  readdirSync("/proc/self/task")
    .map((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8"))
    .join("");

test("50 runs leave no descriptor open and no child", async () => {
  const once = async (index: number): Promise<void> => {
    const handle = await host.sh(`echo ${index}`, {
      autoRemove: true,
      network: index % 5 ? "none" : "bridge",
    });
    const exec = index % 3 === 0 ? engine.exec(handle.containerId, { command: ["true"] }) : undefined;
    await exec?.then(({ exited }) => exited).catch(() => {});
    handle.stdout.resume();
    await handle.exited;
  };
  await once(0);
  const before = { descriptors: descriptors().sort(), children: children() };
  for (let index = 0; index < 10; index++)
    await Promise.all([0, 1, 2, 3, 4].map((more) => once(index * 5 + more)));
  await expect
    .poll(() => ({ descriptors: descriptors().sort(), children: children() }), { interval: 50 })
    .toEqual(before);
});

/** A program of its own: only there it shows that nothing keeps the event loop busy. */
async function program(source: string): Promise<string> {
  const file = new URL("../../src/index.ts", import.meta.url);
  const { stdout } = await run(
    process.execPath,
    ["--input-type=module", "-e", `import { Engine } from ${JSON.stringify(file.href)};\n${source}`],
    { env: { ...process.env, TSRUN_ROOT: paths.root, TSRUN_RUN: paths.run }, timeout: 40_000 },
  );
  return stdout;
}

test("a program ends when it has nothing more to do", async () => {
  const lines = await program(`
    const engine = new Engine();
    const options = { image: "${IMAGE}", network: "none", autoRemove: true };
    const handle = await engine.run({ ...options, command: ["echo", "from inside"] });
    for await (const chunk of handle.stdout) process.stdout.write(chunk);
    await handle.exited;
    const sleeper = await engine.run({ ...options, command: ["sleep", "1000"], name: "left-behind" });
    sleeper.detach();
  `);
  expect(lines).toBe("from inside\n");
  expect((await engine.inspect("left-behind")).state.status).toBe("running");
});

test("a program that dies takes nothing with it, and leaves nothing", async () => {
  await expect(
    program(`
      const engine = new Engine();
      const options = { image: "${IMAGE}", network: "none", autoRemove: true };
      await engine.run({ ...options, command: ["sleep", "1000"], name: "orphan" });
      await engine.run({ ...options, command: ["sleep", "0.2"] });
      process.kill(process.pid, "SIGKILL");
    `),
  ).rejects.toMatchObject({ signal: "SIGKILL" });
  expect((await engine.list()).map(({ record, state }) => `${record.name} ${state.status}`)).toContain(
    "orphan running",
  );
  await engine.remove("orphan", { force: true });
  for (let wait = 0; (await engine.list()).length > 0 && wait < 100; wait++) await sleep(50);
  expect(await engine.list()).toEqual([]);
});

test("the example of the documentation", async () => {
  const example = join(REPOSITORY, "docs/examples/run-a-container.mjs");
  if (!existsSync(join(REPOSITORY, "dist/index.js"))) throw new Error("not built: run `npm run build`");
  const directory = mkdtempSync(join(host.directory, "example-"));
  const env = { ...process.env, TSRUN_ROOT: join(directory, "root"), TSRUN_RUN: join(directory, "run") };
  expect(execFileSync(process.execPath, [example], { env, encoding: "utf8" })).toBe(
    "process 1 is sh\nhello, world\nexit code 0\n",
  );
  expect(readdirSync(join(directory, "root", "containers"))).toEqual([]);
  rmSync(directory, { recursive: true });
});

/** The monitor: a container's streams, its log, its end, and what becomes of them under stress. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { Engine, type LogEntry } from "../../src/index.ts";
import { connectMonitor } from "../../src/runtime/monitor-client.ts";
import { containerDir, containerRunDir } from "../../src/store/paths.ts";
import { bytesOf, IMAGE, removeAll, said, sha256Of, textOf, until, useEngine } from "../support/engine.ts";

const host = useEngine();
const { engine, paths } = host;

async function logOf(container: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of engine.logs(container)) entries.push(entry);
  return entries;
}

const statusOf = async (container: string): Promise<string> => (await engine.inspect(container)).state.status;

/** Lines of 100 bytes that begin with their number. */
const numbered = (count: number): string =>
  `awk 'BEGIN { for (i = 0; i < ${count}; i++) printf "%099d\\n", i }'`;

test("all clients get all output, and one that leaves takes nothing with it", async () => {
  const first = await host.sh("read go; seq 1 20000; echo end >&2", { interactive: true });
  const others = await Promise.all(Array.from({ length: 4 }, () => engine.attach(first.containerId)));
  others[0]?.detach();
  const outputs = [first, ...others.slice(1)].map((handle) => sha256Of(handle.stdout));
  const errors = [first, ...others.slice(1)].map((handle) => textOf(handle.stderr));
  others[1]?.stdin.write("go\n"); // whoever is attached can type
  const expected = createHash("sha256")
    .update(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(""))
    .digest("hex");
  expect(new Set(await Promise.all(outputs))).toEqual(new Set([expected]));
  expect(new Set(await Promise.all(errors))).toEqual(new Set(["end\n"]));
  expect((await first.exited).exitCode).toBe(0);
});

test("more clients than there is room for: stop still gives the process its time", async () => {
  const handle = await host.sh("trap 'sleep 0.3; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
  await said(handle.stdout, /ready/);
  handle.stdout.resume();
  const crowd = await Promise.allSettled(Array.from({ length: 20 }, () => engine.attach(handle.containerId)));
  for (const client of crowd) if (client.status === "fulfilled") client.value.stdout.resume();
  await engine.stop(handle.containerId);
  expect((await handle.exited).exitCode).toBe(7);
});

test("a slow reader holds the process up, and loses nothing", async () => {
  const handle = await host.sh(numbered(50_000));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await statusOf(handle.containerId)).toBe("running");
  const bytes = await bytesOf(handle.stdout);
  expect(bytes.length).toBe(5_000_000);
  expect(bytes.subarray(-10).toString()).toBe("000049999\n");
  await handle.exited;
  expect(await logOf(handle.containerId)).toHaveLength(50_000);
});

test("a reader that sleeps through the end keeps neither the record nor the container, and gets it all", async () => {
  // As much as the pipe, the monitor and the sockets hold between them.
  const handle = await host.sh(`read go; ${numbered(2400)}; exit 5`, { interactive: true });
  const sleeper = await connectMonitor(containerRunDir(paths, handle.containerId));
  sleeper.stdout.pause();
  handle.stdout.resume();
  handle.stdin.write("go\n");
  await until(async () => (await statusOf(handle.containerId)) === "exited");
  expect((await engine.inspect(handle.containerId)).state.exitCode).toBe(5);
  await engine.remove(handle.containerId);
  await expect(engine.inspect(handle.containerId)).rejects.toMatchObject({
    code: "ERR_TSRUN_CONTAINER_NOT_FOUND",
  });
  expect((await bytesOf(sleeper.stdout)).length).toBe(240_000);
  expect((await sleeper.exited).exitCode).toBe(5);
});

test("a client stopped for good does not keep the container from being removed", async () => {
  const handle = await host.sh(`read go; ${numbered(100_000)}`, { interactive: true });
  const sleeper = await connectMonitor(containerRunDir(paths, handle.containerId));
  sleeper.stdout.pause();
  handle.stdout.resume();
  handle.stdin.write("go\n");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await statusOf(handle.containerId)).toBe("running");
  await engine.remove(handle.containerId, { force: true });
  expect(await engine.list()).toEqual([]);
  sleeper.detach();
});

test("50 MB of output with a log of 1 MB in 3 files", async () => {
  const handle = await host.sh(numbered(500_000), { logOptions: { "max-size": "1m", "max-file": "3" } });
  handle.stdout.resume();
  await handle.exited;
  const directory = containerDir(paths, handle.containerId);
  const files = readdirSync(directory).filter((name) => name.startsWith("log.json"));
  expect(files.sort()).toEqual(["log.json", "log.json.1", "log.json.2"]);
  for (const name of files) expect(statSync(join(directory, name)).size).toBeLessThan(1_000_000 + 6 * 32_768);
  const numbers = (await logOf(handle.containerId)).map(({ text }) => Number(text));
  expect(numbers.at(-1)).toBe(499_999);
  expect(numbers.length).toBeGreaterThan(10_000);
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] as number) + index));
});

test("bytes that are no text reach clients as they are, and the log as text", async () => {
  const handle = await host.sh(
    String.raw`printf 'a\377\300\200\0\033"\\\355\240\200\tb\n\303\251 \360\237\220\263\n'`,
  );
  const bytes = await bytesOf(handle.stdout);
  await handle.exited;
  expect(bytes.toString("latin1")).toBe('a\xff\xc0\x80\0\x1b"\\\xed\xa0\x80\tb\n\xc3\xa9 \xf0\x9f\x90\xb3\n');
  const raw = readFileSync(join(containerDir(paths, handle.containerId), "log.json"), "utf8");
  expect(raw).toContain(
    String.raw`{"log":"a\ufffd\ufffd\ufffd\u0000\u001b\"\\\ufffd\ufffd\ufffd\tb\n","stream":"stdout","time":"`,
  );
  expect((await logOf(handle.containerId)).map(({ text }) => text)).toEqual([
    'a\ufffd\ufffd\ufffd\0\x1b"\\\ufffd\ufffd\ufffd\tb\n',
    "é 🐳\n",
  ]);
});

test("a line longer than 16 KiB, and a last one that does not end", async () => {
  const handle = await host.sh("head -c 40000 /dev/zero | tr '\\0' x; echo; printf unfinished");
  handle.stdout.resume();
  await handle.exited;
  const texts = (await logOf(handle.containerId)).map(({ text }) => text);
  expect(texts.map((text) => text.length)).toEqual([16_384, 16_384, 40_000 - 2 * 16_384 + 1, 10]);
  expect(texts.join("")).toBe(`${"x".repeat(40_000)}\nunfinished`);
});

test("a character cut in two by the end of a piece is whole in the log", async () => {
  const handle = await host.sh(`head -c 16383 /dev/zero | tr '\\0' x; printf 'é after\\n'`);
  handle.stdout.resume();
  await handle.exited;
  const text = (await logOf(handle.containerId)).map((entry) => entry.text).join("");
  expect(text.slice(16_383)).toBe("é after\n");
});

test("100 MB through stdin and back", async () => {
  const handle = await host.sh("tee /dev/stderr | sha256sum", { interactive: true, logDriver: "none" });
  const block = Buffer.alloc(1_000_000, "0123456789abcdef\n");
  const sum = createHash("sha256");
  const input = Readable.from(
    (function* () {
      for (let count = 0; count < 100; count++) {
        sum.update(block);
        yield block;
      }
    })(),
    { objectMode: false },
  );
  const [output, echoed] = await Promise.all([
    textOf(handle.stdout),
    sha256Of(handle.stderr),
    pipeline(input, handle.stdin),
  ]);
  const expected = sum.digest("hex");
  expect(output).toBe(`${expected}  -\n`);
  expect(echoed).toBe(expected);
});

test("a process that does not read its stdin can still be signalled", async () => {
  const handle = await host.sh("trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done", {
    interactive: true,
  });
  await said(handle.stdout, /ready/);
  handle.stdin.write(Buffer.alloc(1_000_000));
  handle.kill("TERM");
  expect((await handle.exited).exitCode).toBe(5);
});

test("exit codes: the process's own, and 128+n where signal n ended it", async () => {
  const exited = async (script: string, options = {}) =>
    (await (await host.sh(script, options)).exited).exitCode;
  expect(await exited("exit 255")).toBe(255);
  for (const [signal, code] of [
    ["TERM", 143],
    ["SEGV", 139],
    ["KILL", 137],
    ["USR1", 138],
  ] as const) {
    expect(await exited(`kill -${signal} $$; sleep 1`, { init: true }), signal).toBe(code);
  }
  const killed = await host.sh("sleep 1000");
  killed.kill("KILL");
  expect((await killed.exited).exitCode).toBe(137);
  const running = await host.sh("sleep 1000");
  const exec = await engine.exec(running.containerId, { command: ["sh", "-c", "kill -ABRT $$"] });
  expect((await exec.exited).exitCode).toBe(134);
});

test("exec ends with its process, whoever still holds its output", async () => {
  const { containerId } = await host.sh("sleep 1000");
  const quiet = await engine.exec(containerId, { command: ["sh", "-c", "sleep 1000 & echo done"] });
  const [text, { exitCode }] = await Promise.all([textOf(quiet.stdout), quiet.exited]);
  expect([text, exitCode]).toEqual(["done\n", 0]);
  for (const tty of [false, true]) {
    const noisy = await engine.exec(containerId, {
      command: ["sh", "-c", "trap '' HUP; yes & sleep 0.1; exit 3"],
      tty,
    });
    noisy.stdout.resume();
    expect((await noisy.exited).exitCode).toBe(3);
  }
});

test("an idle monitor weighs at most 1 MiB", async () => {
  const { containerId, stdout } = await host.sh("echo started; sleep 1000");
  await said(stdout, /started/);
  const { monitorPid } = (await engine.inspect(containerId)).state;
  const pss = Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${monitorPid}/smaps_rollup`, "utf8"))?.[1]);
  process.stderr.write(`PSS of an idle monitor: ${pss} KiB\n`);
  expect(pss).toBeGreaterThan(0);
  expect(pss).toBeLessThanOrEqual(1024);
});

test("--init reaps what is orphaned", async () => {
  const orphans = "for i in 1 2 3 4 5; do sh -c 'sleep 0.05 &'; done; sleep 0.5";
  const zombies = "grep -c '^State:.Z' /proc/[0-9]*/status | grep -c ':1$'";
  const handle = await host.sh(`${orphans}; ${zombies}`, { init: true });
  expect(await textOf(handle.stdout)).toBe("0\n");
});

test("a full disk is named, leaves nothing, and does not end what runs", async () => {
  const root = join(host.directory, "small");
  mkdirSync(root);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", root]);
  try {
    await fillDisk(root);
  } finally {
    execFileSync("umount", [root]);
  }
});

async function fillDisk(root: string): Promise<void> {
  const small = new Engine({
    paths: { root, run: join(host.directory, "small-run") },
    config: loadConfig({}),
  });
  const ballast = join(root, "ballast");
  const fill = (leave: number): void => {
    const { bavail, bsize } = statfsSync(root);
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leave)), { flag: "a" });
  };
  const run = (script: string) => small.run({ image: IMAGE, network: "none", command: ["sh", "-c", script] });
  const refused = async (action: () => Promise<unknown>): Promise<string> => {
    const error = await action().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return String(error);
  };

  fill(500_000);
  expect(await refused(() => small.images.pull(IMAGE))).toMatch(/ENOSPC|no space/i);
  expect(await small.images.list()).toEqual([]);
  rmSync(ballast);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  await small.images.pull(IMAGE);
  await (await run("true")).exited;
  await removeAll(small);

  fill(0);
  expect(await refused(() => run("true"))).toMatch(/ENOSPC|no space/i);
  expect(await small.list()).toEqual([]);
  expect(existsSync(join(root, "names")) ? readdirSync(join(root, "names")) : []).toEqual([]);
  expect(readdirSync(join(root, "containers"))).toEqual([]);

  rmSync(ballast);
  const handle = await run("echo before; while read line; do echo $line; done");
  await handle.exited;
  const running = await small.run({
    image: IMAGE,
    network: "none",
    interactive: true,
    command: ["sh", "-c", "while read line; do echo $line; done; exit 9"],
  });
  running.stdin.write("first\n");
  expect(await said(running.stdout, /first/)).toBe("first\n");
  fill(0);
  const long = "x".repeat(10_000);
  running.stdin.write(`${long}\n`);
  expect(await said(running.stdout, /\n/)).toBe(`${long}\n`);
  rmSync(ballast);
  running.stdin.write("last\n");
  expect(await said(running.stdout, /last/)).toBe("last\n");
  fill(0);
  running.stdin.end();
  expect((await running.exited).exitCode).toBe(9);
  expect((await small.inspect(running.containerId)).state).toMatchObject({ status: "exited", exitCode: 9 });
  const texts: string[] = [];
  for await (const { text } of small.logs(running.containerId)) texts.push(text);
  expect(texts).toEqual(["first\n", "last\n"]);
  await removeAll(small);
}

test("a start whose orders cannot be put together leaves nothing", async () => {
  const command = ["echo", "a\0b"];
  await expect(engine.run({ image: IMAGE, command, network: "none" })).rejects.toThrow("a NUL byte");
  const [left] = await engine.list();
  expect(left).toMatchObject({ state: { status: "created", error: expect.stringContaining("a NUL byte") } });
  // Not held up by a monitor that waits for orders.
  await engine.remove(left?.record.id as string);
});

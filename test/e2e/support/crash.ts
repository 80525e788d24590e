/** Killing tsrun at random instants, and telling from /proc alone what is true afterwards. */
import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BRIDGE } from "../../../src/network/predefined.ts";
import type { Cli } from "../../support/cli.ts";

const SETTLE_MS = 10_000;

/** Numbers in [0, 1) that a seed determines: xorshift32. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: TSRUN_TEST_SEED repeats one that failed. */
export const SEED = Number(process.env.TSRUN_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Process ids whose command line matches and names the instance, or whose environment does: commands and monitors. */
export function processesOf({ directory }: Cli, pattern: RegExp): number[] {
  return processes().filter((pid) => {
    const command = readProc(pid, "cmdline").replaceAll("\0", " ");
    return pattern.test(command) && (command + readProc(pid, "environ")).includes(directory);
  });
}

/** Monitors, without their children: those look the same until their execve. */
export function monitorsOf(cli: Cli): number[] {
  const all = processesOf(cli, /tsrun-monitor/);
  const parent = (pid: number): number => Number(/^PPid:\s+(\d+)/m.exec(readProc(pid, "status"))?.[1]);
  return all.filter((pid) => !all.includes(parent(pid)));
}

/** No error where it has ended. */
export function killNow(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until `look` returns something else than undefined; undefined after `timeout` milliseconds. */
export async function eventually<T>(look: () => T | undefined, timeout = SETTLE_MS): Promise<T | undefined> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const found = look();
    if (found !== undefined || performance.now() > deadline) return found;
    await sleep(2);
  }
}

export interface Listed {
  ID: string;
  Status: string;
}

/** What `ps -a` says, which must never fail. */
export async function listed(cli: Cli): Promise<Listed[]> {
  const text = await cli.output(
    "ps",
    "-a",
    "--no-trunc",
    "--format",
    '{"ID":"{{.ID}}","Status":"{{.Status}}"}',
  );
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Listed);
}

/**
 * Holds what `ps -a` says against the processes in the containers' cgroups, until both agree. Returns what is still
 * wrong after ten seconds, in sentences.
 */
export async function untruths(cli: Cli): Promise<string[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const containers = await listed(cli);
    const running = containers.filter(({ Status }) => Status.startsWith("Up")).map(({ ID }) => ID);
    const alive = new Set(ownCgroups(cli));
    const wrong = [
      ...running
        .filter((id) => !alive.has(id))
        .map((id) => `${id} is said to be running, and has no process`),
      ...[...alive].filter((id) => !running.includes(id)).map((id) => `${id} runs, and ps does not say so`),
    ];
    if (wrong.length === 0 || performance.now() > deadline) return wrong;
    await sleep(50);
  }
}

/** Ids of the instance's containers that have a live process: one whose root or working files are the instance's. */
function ownCgroups({ root }: Cli): string[] {
  return processes().flatMap((pid) => {
    // An ordinary user's have no cgroup of their own, but all have a root of their own.
    const mounts = readProc(pid, "mountinfo");
    const id =
      /\/tsrun\/([0-9a-f]{64})/.exec(readProc(pid, "cgroup"))?.[1] ??
      /upperdir=\.\.\/containers\/([0-9a-f]{64})\//.exec(mounts)?.[1];
    if (id === undefined || /^State:\s+[ZX]/m.test(readProc(pid, "status"))) return [];
    // Other instances on this machine have containers too.
    return mounts.includes(root) ? [id] : [];
  });
}

/** What is left of containers that were all removed, beside what the leak check of the whole file looks for. */
export async function remains(cli: Cli): Promise<string[]> {
  let found: string[] = [];
  await eventually(() => {
    found = [
      ...list(join(cli.root, "containers")),
      ...list(join(cli.root, "names")),
      ...list(join(cli.root, "tmp")),
      ...list(join(cli.run, "containers")),
      ...list(join(cli.run, "networks", BRIDGE.id, "leases")),
      ...processesOf(cli, /tsrun/).map(
        (pid) => `process ${pid}: ${readProc(pid, "cmdline").replaceAll("\0", " ")}`,
      ),
    ];
    return found.length === 0 ? true : undefined;
  });
  return found;
}

/** Removes all containers, and says what did not go. */
export async function removeAll(cli: Cli): Promise<string[]> {
  const ids = (await listed(cli)).map(({ ID }) => ID);
  const removed = ids.length === 0 ? undefined : await cli.tsrun("rm", "-f", ...ids);
  const left = await remains(cli);
  return removed === undefined || removed.code === 0 ? left : [removed.stderr, ...left];
}

function list(path: string): string[] {
  const entries = ignoringAbsence<Dirent[]>(() => readdirSync(path, { withFileTypes: true }), []);
  return entries.map(({ name }) => join(path, name));
}

const processes = (): number[] =>
  readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

const readProc = (pid: number, file: string): string =>
  ignoringAbsence(() => readFileSync(`/proc/${pid}/${file}`, "utf8"), "");

function ignoringAbsence<T>(attempt: () => T, absent: T): T {
  try {
    return attempt();
  } catch (error) {
    if (["ENOENT", "ESRCH", "EINVAL", "EACCES"].includes(String((error as NodeJS.ErrnoException).code)))
      return absent;
    throw error;
  }
}

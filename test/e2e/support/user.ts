/**
 * tsrun as an ordinary user calls it: by bin/tsrun, with an account, ids for containers, a home and a runtime directory
 * that scripts/test-user makes on the test host.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { type CliResult, REPOSITORY, TSRUN } from "../../support/cli.ts";
import { assertTestHost } from "../../support/test-host.ts";

const AS_USER = join(REPOSITORY, "scripts/test-user");
const TIMEOUT_MS = 60_000;

export interface User {
  uid: number;
  home: string;
  /** Where the launcher keeps its records. */
  records: string;
  tsrun(...args: string[]): Promise<CliResult>;
  /** Standard output of a command that has to succeed, without its last newline. */
  output(...args: string[]): Promise<string>;
  /** A line of the user's shell. */
  shell(line: string): Promise<CliResult>;
  /** A program of the user's that runs on. */
  start(...command: string[]): ChildProcess;
  /** The process that keeps the user's namespaces. */
  holder(): number;
}

/** Registers the hooks of a test file; at the end nothing of the user's may be left. */
export function useUser({ uid = 51_234 }: { uid?: number } = {}): User {
  const home = `/home/tsrun-user-${uid}`;
  const records = `/run/user/${uid}/tsrun/rootless`;
  const env = {
    PATH: process.env.PATH,
    TSRUN_TEST_HOST: process.env.TSRUN_TEST_HOST,
    TSRUN_TEST_UID: String(uid),
  };
  const start = (...command: string[]): ChildProcess =>
    spawn(AS_USER, command, {
      env: { ...env, TSRUN_TEST_HOST_OUTSIDE: process.env.TSRUN_TEST_HOST_OUTSIDE },
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const run = async (...command: string[]): Promise<CliResult> => {
    const child = start(...command);
    const text = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
        text[stream] += chunk;
      });
    const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
    const [code] = await once(child, "close");
    clearTimeout(timer);
    return { code: code ?? 137, ...text };
  };
  const user: User = {
    uid,
    home,
    records,
    start,
    shell: (line) => run("sh", "-c", line),
    tsrun: (...args) => run(TSRUN, ...args),
    async output(...args) {
      const { code, stdout, stderr } = await user.tsrun(...args);
      if (code !== 0) throw new Error(`tsrun ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
      return stdout.replace(/\n$/, "");
    },
    holder: () => Number(readFileSync(join(records, "holder"), "utf8").split(" ")[0]),
  };

  beforeAll(async () => {
    assertTestHost();
    await user.output("pull", "-q", "tsrun/base");
  });

  afterAll(async () => {
    const ids = (await user.output("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length > 0) await user.output("rm", "-f", ...ids);
    process.kill(user.holder(), "SIGTERM");
    expect(
      await until(
        async () => processesOf(uid),
        (left) => left.length === 0,
      ),
    ).toEqual([]);
  });
  return user;
}

/** What runs with a user's id, or with one of the user's containers', by name. */
export function processesOf(uid: number): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, "latin1");
        const owner = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
        const isTheirs = owner === uid || Math.floor(owner / 65_536) === uid;
        return isTheirs && !/^State:\s+Z/m.test(status) ? [/^Name:\s+(.*)$/m.exec(status)?.[1] ?? pid] : [];
      } catch {
        return []; // it has just ended
      }
    });
}

/** "user:[4026531837]" of a process. */
export const namespaceOf = (pid: number | "self", kind: string): string =>
  readlinkSync(`/proc/${pid}/ns/${kind}`);

/** Waits until something answers. */
export async function until<T>(ask: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const value = await ask();
    if (isRight(value) || attempt >= 100) return value;
    await sleep(50);
  }
}

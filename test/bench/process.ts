/** Running programs: timed ones, and daemons that end with the bench. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "./peer.ts";

let log = "/dev/null";

/** Where the output of the commands goes; failures quote its end. */
export function logTo(path: string): void {
  log = path;
}

/** Milliseconds from spawning to exit. The output goes to a file: a pipe would also wait for background children. */
export async function time({ argv, env }: Command): Promise<number> {
  const [program, ...args] = argv;
  const out = openSync(log, "w");
  const begin = process.hrtime.bigint();
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", out, out] });
  const [status, signal] = await once(child, "exit");
  const end = process.hrtime.bigint();
  closeSync(out);
  if (status !== 0) {
    const reason = signal ?? `exit status ${status}`;
    throw new Error(`${argv.join(" ")}: ${reason}\n${readFileSync(log, "utf8").slice(-2000)}`);
  }
  return Number(end - begin) / 1e6;
}

/** Standard output of a command that succeeds. */
export async function output({ argv, env }: Command): Promise<string> {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [printed, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (status !== 0) throw new Error(`${argv.join(" ")}: exit status ${status}`);
  return printed;
}

/** Starts a daemon with its output in a file; the kernel ends it when the bench dies (prctl(2), PR_SET_PDEATHSIG). */
export function startDaemon(argv: string[], logFile: string): ChildProcess {
  const out = openSync(logFile, "w");
  // Detached: a Ctrl-C is for the bench, which then stops its daemons in order.
  const child = spawn("setpriv", ["--pdeathsig", "TERM", ...argv], {
    stdio: ["ignore", out, out],
    detached: true,
  });
  closeSync(out);
  return child;
}

export async function stopDaemon(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await ended;
  clearTimeout(timer);
}

/** Waits until a command succeeds; `what` names it in the error after `seconds`. */
export async function until(what: string, seconds: number, command: Command): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      await time(command);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what} is not there after ${seconds} s`, { cause: error });
      await sleep(100);
    }
  }
}

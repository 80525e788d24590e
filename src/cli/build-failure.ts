/** `build --on-error shell`: a look at what a RUN has left. */
import type { FailedStep } from "../build/types.ts";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import { attach } from "./terminal.ts";

const STDIN = 0;
const SHELL = ["/bin/sh"];

/** Throws where nobody can type: standard input is no terminal, or is the context. */
export function requireSomebody({ terminal }: Context): void {
  if (terminal.isTerminal(STDIN)) return;
  throw new TsrunError("ERR_TSRUN_NOT_A_TERMINAL", "--on-error shell: the input device is not a TTY", {
    hint: "leave it out where nobody can type",
    exitCode: 1,
  });
}

/** Opens a shell and returns when it has ended, or was left by the detach keys. */
export async function openShell(failed: FailedStep, context: Context): Promise<void> {
  const { terminal } = context;
  const size = terminal.size();
  context.err(
    `\nexit code ${failed.exitCode}: ${failed.command.join(" ")}\nHere is a shell in what it has left; the build goes on, and fails, when it ends.\n`,
  );
  const handle = await failed.start(SHELL, { tty: true, stdin: true, ...(size && { size }) });
  const streams = { stdin: true, stdout: true, stderr: true };
  const outcome = await attach(handle, { streams, tty: true }, terminal);
  if (outcome.kind !== "exited") handle.kill("SIGKILL");
}

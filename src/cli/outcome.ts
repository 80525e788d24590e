/** What run and exec do before and after they are attached. */
import type { ContainerRecord } from "../engine/types.ts";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import type { Outcome, Terminal } from "./terminal.ts";

const GIVEN_UP = 1;
const SIGKILLED = 137;
/** What the shell reports of a program that SIGPIPE ended, as it ends docker's client. */
const BROKEN_PIPE = 141;

/** Throws where -t and -i are given and stdin is not a terminal. */
export function requireTerminal(terminal: Terminal): void {
  if (terminal.isTerminal(0)) return;
  throw new TsrunError("ERR_TSRUN_NOT_A_TERMINAL", "the input device is not a TTY", {
    hint: "leave out -t where input comes from a pipe or a file",
    exitCode: 1,
  });
}

/** The exit code of a client whose container ended, was detached from, or lost its reader. */
export function conclude(outcome: Outcome, context: Context): number {
  if (outcome.kind === "output closed") return BROKEN_PIPE;
  if (outcome.kind === "detached") {
    context.err("read escape sequence\n");
    return 0;
  }
  if (outcome.kind === "given up") {
    // The first process of a pid namespace gets no signal that it has no handler for (pid_namespaces(7)).
    context.err("\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n");
    context.err(
      `hint: the container goes on; \`tsrun kill ${outcome.containerName}\` ends it, and run's --init makes it heed signals\n`,
    );
    return GIVEN_UP;
  }
  const { exitCode, oomKilled, record } = outcome.status;
  if (oomKilled && exitCode === SIGKILLED) context.err(`tsrun: killed: out of memory${limitOf(record)}\n`);
  return exitCode;
}

function limitOf(record: ContainerRecord | undefined): string {
  const limit = record?.options.resources?.memory?.limit;
  return limit === undefined ? "" : `: --memory is ${limit} bytes`;
}

/** Work that has something to undo before this process may end: a container that stands still, half a file. */
import { constants } from "node:os";
import { TsrunError } from "../errors.ts";

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const satisfies NodeJS.Signals[];

/** Runs `act` with a signal that Ctrl-C and its like abort; what it throws then has the exit code 128+n. */
export async function interruptible<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (name: (typeof SIGNALS)[number]): void => {
    const exitCode = 128 + constants.signals[name];
    controller.abort(new TsrunError("ERR_TSRUN_INTERRUPTED", `interrupted by ${name}`, { exitCode }));
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await act(controller.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}

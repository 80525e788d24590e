/** Commands that do something to many containers at once: names as they are done, failures as they happen. */
import type { BootResult } from "../engine/api.ts";
import type { Context } from "./command.ts";

/** Prints the names; returns the exit code: 1 where one failed. */
export async function each(
  context: Context,
  act: (onResult: (result: BootResult) => void) => Promise<void>,
): Promise<number> {
  let failed = false;
  await act(({ name, error }) => {
    if (error === undefined) {
      context.out(`${name}\n`);
      return;
    }
    failed = true;
    context.err(`${name}:\n`);
    context.report(error);
  });
  return failed ? 1 : 0;
}

/** Commands that take several names: every one is tried, every failure is reported. */
import type { Context } from "./command.ts";

interface Options {
  /** At once, where each takes its time; else one after another. */
  parallel?: boolean;
}

/**
 * Runs `act` on each name, then prints what it returns (nothing for undefined) in the order of the names. Returns the
 * exit code: 1 where one failed.
 */
export async function forEachName(
  names: readonly string[],
  context: Context,
  act: (name: string) => Promise<string | undefined>,
  { parallel = false }: Options = {},
): Promise<number> {
  let failed = false;
  const settle = async (result: Promise<string | undefined>): Promise<void> => {
    try {
      const line = await result;
      if (line !== undefined) context.out(`${line}\n`);
    } catch (error) {
      failed = true;
      context.report(error);
    }
  };
  if (parallel) {
    const running = names.map(act);
    // Each is awaited in turn below; until then a failure of a later one is not an unhandled one.
    for (const result of running) result.catch(() => {});
    for (const result of running) await settle(result);
  } else {
    for (const name of names) await settle(act(name));
  }
  return failed ? 1 : 0;
}

/** The environment of a container's process: who contributes, in which order, and who wins. */
import { TsrunError } from "../errors.ts";

/** What a process finds when neither image nor user say otherwise; Docker's default for Linux. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Throws ERR_TSRUN_ENV_INVALID for an entry that no environment can hold. */
export function validateEnv(env: readonly string[]): void {
  for (const entry of env) {
    if (entry === "" || entry.startsWith("=") || entry.includes("\0")) {
      throw new TsrunError(
        "ERR_TSRUN_ENV_INVALID",
        `invalid environment variable: ${JSON.stringify(entry).slice(1, -1)}`,
        {
          hint: "write NAME=VALUE, or NAME alone to take the value from this environment",
        },
      );
    }
  }
}

/** The variables that a container records: the user's, followed by those of the image that the user did not set. */
export function mergeEnv(asked: readonly string[], image: readonly string[]): string[] {
  const merged = overlay([], asked, { keepRemovals: true });
  const names = new Set(merged.map(nameOf));
  return [...merged, ...image.filter((entry) => !names.has(nameOf(entry)))];
}

/**
 * The environment that execve(2) gets: PATH, HOSTNAME and with a terminal TERM first, then `env` over them, in place
 * where it names one of them. An entry of `env` without "=" removes the variable. HOME comes last, where unset.
 */
export function processEnv(
  env: readonly string[],
  context: { hostname: string; home: string; terminal: boolean },
): string[] {
  const defaults = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${context.hostname}`];
  if (context.terminal) defaults.push("TERM=xterm");
  const result = overlay(defaults, env);
  return result.some((entry) => /^HOME=./.test(entry))
    ? result
    : overlay(result, [`HOME=${context.home === "" ? "/" : context.home}`]);
}

/** The value of a variable in a KEY=VALUE list. */
export function envValue(env: readonly string[], name: string): string | undefined {
  return env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** `base` with the entries of `over`: replaced in place, else appended; an entry without "=" removes. */
export function overlay(
  base: readonly string[],
  over: readonly string[],
  options: { keepRemovals?: boolean } = {},
): string[] {
  const entries = new Map(base.map((entry) => [nameOf(entry), entry]));
  for (const entry of over) {
    if (entry.includes("=") || options.keepRemovals) entries.set(nameOf(entry), entry);
    else entries.delete(entry);
  }
  return [...entries.values()];
}

function nameOf(entry: string): string {
  const end = entry.indexOf("=");
  return end === -1 ? entry : entry.slice(0, end);
}

/** `--ulimit TYPE=SOFT[:HARD]`. Which types there are is the engine's knowledge (engine/rlimits.ts). */
import { parseInteger } from "./numbers.ts";

export interface Ulimit {
  name: string;
  /** -1: unlimited. */
  soft: number;
  hard: number;
}

export function parseUlimit(text: string): Ulimit {
  const equals = text.indexOf("=");
  if (equals === -1) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  const values = text.slice(equals + 1);
  const limits = values.split(":");
  if (limits.length > 2) {
    throw new Error(`too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``);
  }
  const soft = parseInteger(limits[0] as string);
  const hard = limits[1] === undefined ? soft : parseInteger(limits[1]);
  if (hard !== -1 && soft === -1) {
    throw new Error(
      `ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${hard}`,
    );
  }
  if (hard !== -1 && soft > hard) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { name, soft, hard };
}

/** Resource limits: `--ulimit` and the configuration's default-ulimits as the OCI configuration's rlimits. */
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import type { OciProcess } from "../runtime/oci.ts";

type Rlimits = NonNullable<OciProcess["rlimits"]>;

/** The names that Docker knows; RLIMIT_AS is not among them. */
const NAMES = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

export const ulimitNames = (): string[] => [...NAMES];

/**
 * The limits to set, sorted by name: those asked for, and the defaults for the others. -1 is RLIM_INFINITY.
 * Throws ERR_TSRUN_ULIMIT_INVALID.
 */
export function resolveRlimits(
  asked: readonly { name: string; soft: number; hard: number }[],
  defaults: Config["default-ulimits"],
): Rlimits {
  const limits = new Map<string, { soft: number; hard: number }>();
  for (const [name, { Soft: soft, Hard: hard }] of Object.entries(defaults))
    limits.set(name.toLowerCase(), { soft, hard });
  for (const { name, soft, hard } of asked) limits.set(name.toLowerCase(), { soft, hard });

  return [...limits].sort(byKey).map(([name, { soft, hard }]) => {
    if (!NAMES.has(name)) {
      throw invalid(`invalid ulimit type: ${name}`, `known types are ${[...NAMES].join(", ")}`);
    }
    for (const value of [soft, hard]) {
      if (!Number.isSafeInteger(value) || value < -1)
        throw invalid(`invalid value for ulimit ${name}: ${value}`);
    }
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
    }
    return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
  });
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function invalid(
  message: string,
  hint = "write TYPE=SOFT[:HARD], such as nofile=1024:4096; -1 is unlimited",
): TsrunError {
  return new TsrunError("ERR_TSRUN_ULIMIT_INVALID", message, { hint });
}

/** The reading of memory limits, the same for both versions of cgroups. */
import type { OciResources } from "../oci.ts";
import { limitInvalid, limitUnsupported } from "./errors.ts";
import { type Words, wordFor } from "./words.ts";

type Memory = NonNullable<OciResources["memory"]>;

export interface MemoryLimits {
  /** Bytes, -1 for none; undefined: leave as it is. */
  limit: number | undefined;
  /** Memory plus swap. */
  total: number | undefined;
  /** Nobody asked for `total`: it follows from `limit`. */
  totalImplied: boolean;
  reservation: number | undefined;
}

/**
 * Checks the limits against each other and fills in what follows from one alone. With docker that is, in a new cgroup,
 * as much swap as memory; in a configuration only that unlimited memory has unlimited swap. Zero is "not set".
 */
export function memoryLimits(memory: Memory, isNew: boolean, words: Words = "docker"): MemoryLimits {
  const limit = memory.limit || undefined;
  const reservation = memory.reservation || undefined;
  const total = memory.swap || undefined;
  const [memoryWord, swapWord, reservationWord] = ["--memory", "--memory-swap", "--memory-reservation"].map(
    (option) => wordFor(words, option),
  );
  if (total !== undefined && total !== -1) {
    if (limit === undefined && isNew) {
      throw limitInvalid(
        `${swapWord} needs ${memoryWord}`,
        `${swapWord} is memory plus swap: set ${memoryWord} as well`,
      );
    }
    const contradicts = limit === -1 ? words === "docker" : limit !== undefined && total < limit;
    if (contradicts) {
      throw limitInvalid(
        `${swapWord} ${total} is less than ${memoryWord} ${limit === -1 ? "unlimited" : limit}`,
        `${swapWord} is memory plus swap: equal to ${memoryWord} for no swap, -1 for unlimited swap`,
      );
    }
  }
  const isAbove = limit !== undefined && limit !== -1 && reservation !== undefined && reservation > limit;
  if (isAbove && words === "docker") {
    throw limitInvalid(
      `${reservationWord} ${reservation} is more than ${memoryWord} ${limit}`,
      `the reservation is the soft limit: choose one below ${memoryWord}`,
    );
  }
  const implied = total === undefined && limit !== undefined ? impliedTotal(limit, isNew, words) : undefined;
  return { limit, total: total ?? implied, totalImplied: implied !== undefined, reservation };
}

function impliedTotal(limit: number, isNew: boolean, words: Words): number | undefined {
  if (words === "oci") return limit === -1 ? -1 : undefined;
  if (!isNew) return undefined;
  return limit === -1 ? -1 : limit * 2;
}

/** What v1 can do to reclaim and the OOM killer and v2 cannot: an error where it is asked for. */
export function refuseV1Only(memory: Memory, words: Words = "docker"): void {
  if (memory.swappiness !== undefined && memory.swappiness !== -1) {
    throw limitUnsupported(
      wordFor(words, "--memory-swappiness"),
      "cgroup v2 has no swappiness for each group",
      `limit swap with ${wordFor(words, "--memory-swap")}, or set vm.swappiness for the whole host`,
    );
  }
  if (memory.disableOOMKiller === true) {
    throw limitUnsupported(
      wordFor(words, "--oom-kill-disable"),
      "cgroup v2 cannot switch the OOM killer off",
      `lower the container's chance to be chosen with --oom-score-adj, or raise ${wordFor(words, "--memory")}`,
    );
  }
  if (memory.useHierarchy === false) {
    throw limitUnsupported(
      wordFor(words, "memory.useHierarchy"),
      "cgroup v2 always counts the groups below",
      "leave it out",
    );
  }
}

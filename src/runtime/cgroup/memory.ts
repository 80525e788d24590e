/** docker's reading of memory limits, the same for both versions of cgroups. */
import type { OciResources } from "../oci.ts";
import { limitInvalid, limitUnsupported } from "./errors.ts";

type Memory = NonNullable<OciResources["memory"]>;

export interface MemoryLimits {
  /** Bytes, -1 for none; undefined: leave as it is. */
  limit: number | undefined;
  /** Memory plus swap. */
  total: number | undefined;
  /** Nobody asked for `total`: it is docker's default of twice the memory. */
  totalImplied: boolean;
  reservation: number | undefined;
}

/**
 * Checks the limits against each other and fills in docker's default. In a new cgroup memory without a swap limit
 * means as much swap as memory; in an update what is not named stays as it is. Zero is docker's "not set".
 */
export function memoryLimits(memory: Memory, isNew: boolean): MemoryLimits {
  const limit = memory.limit || undefined;
  const reservation = memory.reservation || undefined;
  const total = memory.swap || undefined;
  if (total !== undefined && total !== -1) {
    if (limit === undefined && isNew) {
      throw limitInvalid(
        "--memory-swap needs --memory",
        "--memory-swap is memory plus swap: set --memory as well",
      );
    }
    if (limit !== undefined && (limit === -1 || total < limit)) {
      throw limitInvalid(
        `--memory-swap ${total} is less than --memory ${limit === -1 ? "unlimited" : limit}`,
        "--memory-swap is memory plus swap: equal to --memory for no swap, -1 for unlimited swap",
      );
    }
  }
  if (limit !== undefined && limit !== -1 && reservation !== undefined && reservation > limit) {
    throw limitInvalid(
      `--memory-reservation ${reservation} is more than --memory ${limit}`,
      "the reservation is the soft limit: choose one below --memory",
    );
  }
  const totalImplied = total === undefined && limit !== undefined && isNew;
  return { limit, total: totalImplied ? (limit === -1 ? -1 : limit * 2) : total, totalImplied, reservation };
}

/** What v1 can do to reclaim and the OOM killer and v2 cannot: an error where it is asked for. */
export function refuseV1Only(memory: Memory): void {
  if (memory.swappiness !== undefined && memory.swappiness !== -1) {
    throw limitUnsupported(
      "--memory-swappiness",
      "cgroup v2 has no swappiness for each group",
      "limit swap with --memory-swap, or set vm.swappiness for the whole host",
    );
  }
  if (memory.disableOOMKiller === true) {
    throw limitUnsupported(
      "--oom-kill-disable",
      "cgroup v2 cannot switch the OOM killer off",
      "lower the container's chance to be chosen with --oom-score-adj, or raise --memory",
    );
  }
}

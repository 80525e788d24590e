/** The filters of `builder du` and `builder prune`. */
import type { BuildCacheItem } from "../build/prune.ts";
import type { Matchers } from "./filters.ts";
import { parseBool } from "./options/numbers.ts";
import { pruneMatchers } from "./prune-filters.ts";

export function cacheMatchers(now: number): Matchers<BuildCacheItem> {
  const { until } = pruneMatchers<BuildCacheItem>(
    ({ lastUsed }) => ({ labels: {}, created: lastUsed.toISOString() }),
    now,
  ) as { until: (value: string) => (item: BuildCacheItem) => boolean };
  return {
    description: (value) => (item) => item.description.includes(value),
    id: (value) => (item) => item.id.startsWith(value),
    inuse: (value) => (item) => item.inUse === parseBool(value),
    private: (value) => (item) => item.shared !== parseBool(value),
    shared: (value) => (item) => item.shared === parseBool(value),
    type: (value) => (item) => item.type === value,
    // Docker's two names of one thing: when it was last of use.
    until,
    "unused-for": until,
  };
}

import { listCache, pruneCache } from "../builder.ts";
import { cacheMatchers } from "../cache-filters.ts";
import { command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine } from "../filters.ts";
import { interruptible } from "../interruptible.ts";
import { alias, flag, refused, value } from "../option-table.ts";
import { parseBytes } from "../options/bytes.ts";
import { pruneFlags } from "../prune-filters.ts";
import { cacheTable } from "../render/cache-row.ts";
import { humanSize } from "../render/size.ts";

export default command({
  summary: "Remove build cache",
  usage: "[OPTIONS]",
  forms: ["builder prune"],
  examples: [
    "tsrun builder prune  # what no image and no container needs",
    "tsrun builder prune -a -f --keep-storage 5g  # the oldest, until 5 GB are left",
    "tsrun builder prune -f --filter until=48h  # what was of no use for two days",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    ...pruneFlags,
    all: flag("Remove all unused build cache, not just dangling ones", { short: "a" }),
    "keep-storage": value("Amount of disk space to keep for cache", { metavar: "bytes", parse: parseBytes }),
    "max-used-space": refused("--keep-storage says how much may stay"),
    "min-free-space": refused("--keep-storage says how much may stay"),
    "reserved-space": alias("keep-storage"),
  },
  async run({ options: { all, filter, force, "keep-storage": keepStorage } }, context) {
    const now = context.now();
    const matches = combine(filter, cacheMatchers(now));
    const question = `WARNING! This will remove all ${all ? "" : "dangling "}build cache.`;
    if (!force && !(await confirm(question, context))) return 0;
    const before = new Map((await listCache(context)).map((item) => [item.id, item]));
    const { removed, bytes } = await interruptible((signal) =>
      pruneCache(context, { all, matches, signal, ...(keepStorage !== undefined && { keepStorage }) }),
    );
    const items = removed.flatMap((id) => before.get(id) ?? []);
    context.out(`${items.length > 0 ? cacheTable(items, now) : ""}Total:\t${humanSize(bytes)}\n`);
    return 0;
  },
});

import { TsrunError } from "../../errors.ts";
import { pruneCache } from "../builder.ts";
import { cacheMatchers } from "../cache-filters.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine, type Filter, parseFilter } from "../filters.ts";
import { prunableNetwork } from "../network-filters.ts";
import { flag, list } from "../option-table.ts";
import { pruneMatchers } from "../prune-filters.ts";
import { humanSize } from "../render/size.ts";
import { pruneMatchers as volumeMatchers } from "../volume-filters.ts";
import { prunableContainer } from "./container-prune.ts";
import { printPrunedImages, prunableImage } from "./image-prune.ts";

const options = {
  all: flag("Remove all unused images not just dangling ones", { short: "a" }),
  filter: list('Provide filter values (e.g. "label=<key>=<value>")', {
    metavar: "filter",
    parse: parseFilter,
  }),
  force: flag("Do not prompt for confirmation", { short: "f" }),
  volumes: flag("Prune anonymous volumes"),
};

type Flags = Arguments<typeof options>["options"];

export default command({
  summary: "Remove unused data",
  usage: "[OPTIONS]",
  forms: ["system prune"],
  examples: [
    "tsrun system prune",
    "tsrun system prune -a -f --filter until=24h  # everything unused that is older than a day",
    "tsrun system prune --volumes --filter label!=keep",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options,
  run,
});

async function run({ options: flags }: Arguments<typeof options>, context: Context): Promise<number> {
  const { filter, force, volumes } = flags;
  if (volumes && filter.some(([name]) => name === "until")) {
    throw new TsrunError("ERR_TSRUN_FILTER_INVALID", `the "until" filter is not supported with "--volumes"`, {
      hint: "a volume has no time of its last use: prune volumes by their labels, or in a command of their own",
    });
  }
  // Also before the question is asked: a wrong filter costs nothing.
  const parts = pruneParts(flags, context);
  if (!force && !(await confirm(warning(flags), context))) return 0;
  let bytes = 0;
  for (const prune of parts) bytes += await prune();
  context.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
  return 0;
}

/** In docker's order; each prints what is gone and returns the bytes that are free now. */
function pruneParts({ all, filter, volumes }: Flags, context: Context): (() => Promise<number>)[] {
  const now = context.now();
  const container = combine(filter, pruneMatchers(prunableContainer, now));
  const network = combine(filter, pruneMatchers(prunableNetwork, now));
  const image = combine(filter, pruneMatchers(prunableImage, now));
  const cache = hasLabels(filter) ? undefined : combine(filter, cacheMatchers(now));
  const volume = volumes ? combine(filter, volumeMatchers) : undefined;
  return [
    async () => {
      const engine = await context.engine();
      const { deleted, bytes } = await engine.prune({ matches: container });
      if (deleted.length > 0) context.out(`Deleted Containers:\n${deleted.join("\n")}\n\n`);
      return bytes;
    },
    async () => {
      const engine = await context.engine();
      const names = await engine.networks.prune({ matches: network });
      if (names.length > 0) context.out(`Deleted Networks:\n${names.join("\n")}\n\n`);
      return 0;
    },
    async () => {
      if (volume === undefined) return 0;
      const engine = await context.engine();
      const { deleted, bytes } = await engine.volumes.prune({ matches: volume });
      if (deleted.length > 0) context.out(`Deleted Volumes:\n${deleted.join("\n")}\n\n`);
      return bytes;
    },
    async () => {
      const engine = await context.engine();
      const pruned = await engine.images.prune({ all, ...(filter.length > 0 && { matches: image }) });
      printPrunedImages(pruned, context);
      return pruned.bytes;
    },
    async () => {
      if (cache === undefined) return 0;
      const { removed, bytes } = await pruneCache(context, { all, matches: cache });
      if (removed.length > 0) context.out(`Deleted build cache objects:\n${removed.join("\n")}\n\n`);
      return bytes;
    },
  ];
}

function warning({ all, filter, volumes }: Flags): string {
  const lines = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    ...(hasLabels(filter) ? [] : [all ? "all build cache" : "unused build cache"]),
  ];
  const bullets = (items: readonly string[]) => items.map((item) => `  - ${item}\n`).join("");
  const filters =
    filter.length === 0 ? "" : `\n  Items to be pruned will be filtered with:\n${bullets(filter.map(text))}`;
  return `WARNING! This will remove:\n${bullets(lines)}${filters}`;
}

/** Nothing of the build cache has a label. */
const hasLabels = (filters: readonly Filter[]): boolean => filters.some(([name]) => name !== "until");

const text = ([name, value]: Filter): string => `${name}=${value}`;

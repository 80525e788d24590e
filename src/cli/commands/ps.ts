import type { EngineApi } from "../../engine/api.ts";
import type { ContainerSummary } from "../../engine/types.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { containerMatchers } from "../container-filters.ts";
import { containerSize } from "../container-size.ts";
import { combine, parseFilter } from "../filters.ts";
import { flag, list, value } from "../option-table.ts";
import { parseInteger } from "../options/numbers.ts";
import { containerList, containerRow } from "../render/container-row.ts";
import { renderRows } from "../render/rows.ts";

const options = {
  all: flag("Show all containers (default shows just running)", { short: "a" }),
  filter: list("Filter output based on conditions provided", {
    short: "f",
    metavar: "filter",
    parse: parseFilter,
  }),
  format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
  last: value("Show n last created containers (includes all states) (default -1)", {
    short: "n",
    metavar: "int",
    parse: parseInteger,
  }),
  latest: flag("Show the latest created container (includes all states)", { short: "l" }),
  "no-trunc": flag("Don't truncate output"),
  quiet: flag("Only display container IDs", { short: "q" }),
  size: flag("Display total file sizes", { short: "s" }),
};
type Flags = Arguments<typeof options>["options"];

export default command({
  summary: "List containers",
  usage: "[OPTIONS]",
  forms: ["container ls", "container list", "container ps", "ps"],
  examples: [
    "tsrun ps",
    "tsrun ps -a --filter status=exited  # those that have ended",
    "tsrun ps --format 'table {{.Names}}\\t{{.Status}}\\t{{.Image}}'",
    "tsrun ps -aq  # ids only, for scripts",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options,
  run,
});

async function run({ options: flags }: Arguments<typeof options>, context: Context): Promise<number> {
  const engine = await context.engine();
  const shown = select(await engine.list(), flags, await ancestorLayers(flags, engine));
  const truncate = !flags["no-trunc"];
  const format = flags.format ?? "";
  const now = context.now();
  const needsSize = flags.size || /\.Size\b/.test(format);
  const rows = [];
  for (const summary of shown) {
    const size = needsSize ? await containerSize(summary.record, context.paths(), engine) : undefined;
    rows.push(containerRow(summary, { truncate, now, size }));
  }
  if (flags.quiet && format === "") context.out(rows.map((row) => `${row.ID}\n`).join(""));
  else context.out(renderRows(rows, format, containerList(flags.size)));
  return 0;
}

/** An ancestor that is no image here, any more perhaps, is compared by its name alone. */
async function ancestorLayers({ filter }: Flags, engine: EngineApi): Promise<Map<string, readonly string[]>> {
  const layers = new Map<string, readonly string[]>();
  for (const [name, value] of filter) {
    if (name !== "ancestor") continue;
    const image = await engine.images.inspect(value).catch(() => undefined);
    if (image !== undefined) layers.set(value, image.layers);
  }
  return layers;
}

/** The containers to show, newest first. */
function select(
  all: readonly ContainerSummary[],
  flags: Flags,
  layersOf: ReadonlyMap<string, readonly string[]>,
): ContainerSummary[] {
  const last = flags.latest ? 1 : (flags.last ?? -1);
  const anyState =
    flags.all || last > 0 || flags.filter.some(([name]) => name === "status" || name === "exited");
  const matches = combine(flags.filter, containerMatchers({ all, layersOf }));
  const shown = all.filter((summary) => (anyState || isAlive(summary)) && matches(summary));
  return last > 0 ? shown.slice(0, last) : shown;
}

const isAlive = ({ state }: ContainerSummary): boolean =>
  state.status === "running" || state.status === "restarting";

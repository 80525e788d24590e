import { setTimeout as sleep } from "node:timers/promises";
import { type Arguments, type Context, command } from "../command.ts";
import { flag, value } from "../option-table.ts";
import { renderRows } from "../render/rows.ts";
import { statsList, statsRow, type Watched } from "../render/stats-row.ts";
import { screenful } from "../screen.ts";
import { watchListed, watchNamed } from "../stats-watch.ts";

const INTERVAL_MS = 1000;
/** Nobody wants to wait a second for the first table. */
const FIRST_INTERVAL_MS = 250;

const options = {
  all: flag("Show all containers (default shows just running)", { short: "a" }),
  format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
  "no-stream": flag("Disable streaming stats and only pull the first result"),
  "no-trunc": flag("Do not truncate output"),
};

export default command({
  summary: "Display a live stream of container(s) resource usage statistics",
  usage: "[OPTIONS] [CONTAINER...]",
  forms: ["container stats", "stats"],
  examples: [
    "tsrun stats  # all that run, until Ctrl-C",
    "tsrun stats --no-stream web db  # two of them, once",
    "tsrun stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemPerc}}'",
  ],
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: flags, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const { format = "" } = flags;
  const render = (watched: readonly Watched[]): string =>
    renderRows(
      watched.map((each) => statsRow(each, !flags["no-trunc"])),
      format,
      statsList,
    );
  // A template that cannot be parsed is known before anything is waited for.
  render([]);

  const engine = await context.engine();
  const isNamed = positionals.length > 0;
  const look = isNamed ? await watchNamed(engine, positionals) : await watchListed(engine, flags.all);
  if (flags["no-stream"]) {
    await sleep(INTERVAL_MS);
    context.out(render(await look()));
    return 0;
  }
  const draw = drawing(context);
  for (let interval = FIRST_INTERVAL_MS; ; interval = INTERVAL_MS) {
    await sleep(interval);
    const watched = await look();
    draw(render(watched));
    if (isNamed && watched.every(({ gone }) => gone)) return 0;
  }
}

/** In place on a terminal; one after another into a file or a pipe, which escape sequences would spoil. */
function drawing({ terminal, out }: Context): (text: string) => void {
  if (!terminal.isTerminal(terminal.stdout)) return out;
  return (text) => out(screenful(text, terminal.size()));
}

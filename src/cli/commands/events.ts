import { type Arguments, type Context, command } from "../command.ts";
import { eventMatchers } from "../event-filters.ts";
import { combine, parseFilter } from "../filters.ts";
import { list, value } from "../option-table.ts";
import { eventFormat } from "../render/event-row.ts";
import { parseMoment } from "../render/time.ts";

const moment = (text: string): string => parseMoment(text, Date.now());

const options = {
  filter: list("Filter output based on conditions provided", {
    short: "f",
    metavar: "filter",
    parse: parseFilter,
  }),
  format: value("Format output: 'json' (one object a line) or a Go template"),
  since: value("Show all events created since timestamp, or a time ago such as 10m", { parse: moment }),
  until: value("Stream events until this timestamp", { parse: moment }),
};

export default command({
  summary: "Get real time events from the journal",
  usage: "[OPTIONS]",
  forms: ["system events", "events"],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  examples: [
    "tsrun events",
    "tsrun events --since 10m --until 0s --filter container=web  # the last ten minutes",
    "tsrun events --filter event=die --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}'",
  ],
  options,
  run,
});

async function run({ options: flags }: Arguments<typeof options>, context: Context): Promise<number> {
  const { filter, format = "", since, until } = flags;
  const matches = combine(filter, eventMatchers);
  const toText = eventFormat(format);
  const engine = await context.engine();
  const events = engine.system.events({
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  });
  for await (const event of events) if (matches(event)) context.out(`${toText(event)}\n`);
  return 0;
}

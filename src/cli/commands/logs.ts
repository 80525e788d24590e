import { command } from "../command.ts";
import { flag, value } from "../option-table.ts";
import { parseMoment } from "../render/time.ts";

/** "all" or a number of lines; as with docker a negative number means all. */
function parseTail(text: string): number | undefined {
  if (text === "all" || /^-\d+$/.test(text)) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`"${text}" is neither a number nor "all"`);
}

const moment = (text: string): string => parseMoment(text, Date.now());

export default command({
  summary: "Fetch the logs of a container",
  usage: "[OPTIONS] CONTAINER",
  forms: ["container logs", "logs"],
  examples: [
    "tsrun logs web",
    "tsrun logs -f --tail 20 web  # the last lines, and those to come",
    "tsrun logs --since 10m -t web  # of the last ten minutes, with their times",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {
    details: flag("Show extra details provided to logs"),
    follow: flag("Follow log output", { short: "f" }),
    since: value(
      'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
      {
        parse: moment,
      },
    ),
    tail: value('Number of lines to show from the end of the logs (default "all")', {
      short: "n",
      parse: parseTail,
    }),
    timestamps: flag("Show timestamps", { short: "t" }),
    until: value(
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
      {
        parse: moment,
      },
    ),
  },
  async run({ options, positionals }, context) {
    const { follow, since, until, tail, timestamps, details } = options;
    const engine = await context.engine();
    const entries = engine.logs(positionals[0] as string, {
      follow,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(tail !== undefined && { tail }),
    });
    for await (const { stream, time, text } of entries) {
      // The details of an entry are those that --log-opt env and labels add, of which there are none: an empty field.
      const prefix = `${timestamps ? `${time} ` : ""}${details ? " " : ""}`;
      const write = stream === "stderr" ? context.err : context.out;
      write(prefix + text);
    }
    return 0;
  },
});

import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { alias, value } from "../option-table.ts";
import { parseInteger } from "../options/numbers.ts";

export default command({
  summary: "Stop one or more running containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container stop", "stop"],
  examples: [
    "tsrun stop web",
    "tsrun stop -t 30 web db  # wait longer before SIGKILL",
    "tsrun stop $(tsrun ps -q)  # all that run",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    signal: value("Signal to send to the container", { short: "s" }),
    timeout: value("Seconds to wait before killing the container", {
      short: "t",
      metavar: "int",
      parse: parseInteger,
    }),
    time: alias("timeout"),
  },
  async run({ options: { signal, timeout }, positionals }, context) {
    const engine = await context.engine();
    const request = { ...(signal !== undefined && { signal }), ...(timeout !== undefined && { timeout }) };
    const stop = async (name: string): Promise<string> => {
      await engine.stop(name, request);
      return name;
    };
    return await forEachName(positionals, context, stop, { parallel: true });
  },
});

import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { alias, value } from "../option-table.ts";
import { parseInteger } from "../options/numbers.ts";

export default command({
  summary: "Restart one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container restart", "restart"],
  examples: [
    "tsrun restart web",
    "tsrun restart -t 2 web db  # SIGKILL after two seconds",
    "tsrun restart -s SIGINT web  # another signal than its own",
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
    const restart = async (name: string): Promise<string> => {
      await engine.restart(name, request);
      return name;
    };
    return await forEachName(positionals, context, restart, { parallel: true });
  },
});

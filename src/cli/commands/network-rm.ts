import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { flag } from "../option-table.ts";

export default command({
  summary: "Remove one or more networks",
  usage: "NETWORK [NETWORK...]",
  forms: ["network rm", "network remove"],
  examples: ["tsrun network rm front", "tsrun network rm -f front back  # no error where they do not exist"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: { force: flag("Do not error if the network does not exist", { short: "f" }) },
  async run({ options: { force }, positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      try {
        await engine.networks.remove(name);
        return name;
      } catch (error) {
        if (force && error instanceof TsrunError && error.code === "ERR_TSRUN_NETWORK_NOT_FOUND")
          return undefined;
        throw error;
      }
    });
  },
});

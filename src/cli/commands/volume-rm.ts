import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { flag } from "../option-table.ts";

export default command({
  summary: "Remove one or more volumes that no container has",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  forms: ["volume rm", "volume remove"],
  examples: ["tsrun volume rm data", "tsrun volume rm -f data  # no error if there is none"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: { force: flag("Force the removal of one or more volumes", { short: "f" }) },
  async run({ options: { force }, positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      await engine.volumes.remove(name, { force });
      return name;
    });
  },
});

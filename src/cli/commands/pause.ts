import { command } from "../command.ts";
import { forEachName } from "../each.ts";

export default command({
  summary: "Pause all processes within one or more containers",
  usage: "CONTAINER [CONTAINER...]",
  forms: ["container pause", "pause"],
  examples: ["tsrun pause web", "tsrun pause web db  # until tsrun unpause"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {},
  async run({ positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      await engine.pause(name);
      return name;
    });
  },
});

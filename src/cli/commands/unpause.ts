import { command } from "../command.ts";
import { forEachName } from "../each.ts";

export default command({
  summary: "Unpause all processes within one or more containers",
  usage: "CONTAINER [CONTAINER...]",
  forms: ["container unpause", "unpause"],
  examples: ["tsrun unpause web", "tsrun unpause $(tsrun ps -qf status=paused)  # all that are paused"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {},
  async run({ positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      await engine.unpause(name);
      return name;
    });
  },
});

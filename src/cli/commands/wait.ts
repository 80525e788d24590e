import { command } from "../command.ts";
import { forEachName } from "../each.ts";

export default command({
  summary: "Block until one or more containers stop, then print their exit codes",
  usage: "CONTAINER [CONTAINER...]",
  forms: ["container wait", "wait"],
  examples: ["tsrun wait job", "tsrun wait first second"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {},
  async run({ positionals }, context) {
    const engine = await context.engine();
    const wait = async (name: string): Promise<string> => String(await engine.wait(name));
    return await forEachName(positionals, context, wait, { parallel: true });
  },
});

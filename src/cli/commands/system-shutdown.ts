import { command } from "../command.ts";
import { each } from "../system-results.ts";

export default command({
  summary: "Stop all containers before the machine goes down, such that `system boot` brings them back",
  usage: "",
  forms: ["system shutdown"],
  examples: ["tsrun system shutdown"],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {},
  run: async (_args, context) => {
    const engine = await context.engine();
    return await each(context, (onResult) => engine.system.shutdown(onResult));
  },
});

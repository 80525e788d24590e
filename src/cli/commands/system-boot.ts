import { command } from "../command.ts";
import { each } from "../system-results.ts";

export default command({
  summary: "Start the containers that their restart policies bring back after a boot",
  usage: "",
  forms: ["system boot"],
  examples: ["tsrun system boot  # once, when the machine has started"],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {},
  run: async (_args, context) => {
    const engine = await context.engine();
    return await each(context, (onResult) => engine.system.boot(onResult));
  },
});

import { command } from "../command.ts";
import { inheritedLock } from "../inherited-lock.ts";

export default command({
  summary: "Start a container again as its restart policy says (its monitor calls this)",
  hidden: true,
  usage: "CONTAINER-ID",
  forms: ["container revive"],
  examples: ["tsrun container revive 4c01db0b339c"],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {},
  async run({ positionals: [id = ""] }, context) {
    const engine = await context.engine();
    await engine.revive(id, inheritedLock(context.env));
    return 0;
  },
});

import { command } from "../command.ts";
import { inheritedLock } from "../inherited-lock.ts";

export default command({
  summary: "Remove an ended --rm container that nobody waited for (its monitor calls this)",
  hidden: true,
  usage: "CONTAINER-ID",
  forms: ["container reap"],
  examples: ["tsrun container reap 4c01db0b339c"],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {},
  async run({ positionals: [id = ""] }, context) {
    const engine = await context.engine();
    await engine.reap(id, inheritedLock(context.env));
    return 0;
  },
});

import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { value } from "../option-table.ts";

export default command({
  summary: "Kill one or more running containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container kill", "kill"],
  examples: [
    "tsrun kill web  # SIGKILL",
    "tsrun kill -s HUP web  # another signal",
    "tsrun kill $(tsrun ps -q)  # all that run",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: { signal: value("Signal to send to the container", { short: "s" }) },
  async run({ options: { signal = "KILL" }, positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      await engine.kill(name, signal);
      return name;
    });
  },
});

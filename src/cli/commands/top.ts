import { command } from "../command.ts";
import { table } from "../render/table.ts";

const MIN_WIDTH = 20;

export default command({
  summary: "Display the running processes of a container",
  usage: "CONTAINER [ps OPTIONS]",
  forms: ["container top", "top"],
  examples: [
    "tsrun top web",
    "tsrun top web -o pid,user,rss,args  # any options of the host's ps",
    "tsrun top web aux",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  options: {},
  async run({ positionals: [container = "", ...psArguments] }, context) {
    const engine = await context.engine();
    const { titles, processes } = await engine.top(container, psArguments);
    context.out(table([titles, ...processes], MIN_WIDTH));
    return 0;
  },
});

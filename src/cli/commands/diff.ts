import { command } from "../command.ts";

export default command({
  summary: "Inspect changes to files or directories on a container's filesystem",
  usage: "CONTAINER",
  forms: ["container diff", "diff"],
  examples: ["tsrun diff web  # A added, C changed, D deleted"],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {},
  async run({ positionals: [container = ""] }, context) {
    const engine = await context.engine();
    const changes = await engine.diff(container);
    context.out(changes.map(({ kind, path }) => `${kind} ${path}\n`).join(""));
    return 0;
  },
});

import { command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { flag, list, value } from "../option-table.ts";

export default command({
  summary: "Create a new image from a container's changes",
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  forms: ["container commit", "commit"],
  examples: [
    "tsrun commit web web:patched",
    `tsrun commit -m "with data" -a "Ann <ann@example.org>" db db:seeded`,
    `tsrun commit -c 'CMD ["nginx", "-g", "daemon off;"]' -c "EXPOSE 80" web web:1`,
  ],
  arguments: { min: 1, max: 2 },
  interspersed: true,
  options: {
    author: value('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', { short: "a" }),
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: value("Commit message", { short: "m" }),
    pause: flag("Pause container during commit", { short: "p", default: true }),
  },
  async run({ options, positionals: [container = "", reference] }, context) {
    const { author, message, change, pause } = options;
    const engine = await context.engine();
    const { id } = await interruptible((signal) =>
      engine.commit(container, {
        ...(reference !== undefined && { reference }),
        ...(author !== undefined && { author }),
        ...(message !== undefined && { message }),
        changes: change,
        pause,
        signal,
      }),
    );
    context.out(`${id}\n`);
    return 0;
  },
});

import { type Arguments, type Context, command } from "../command.ts";
import { runFlags } from "../container-flags.ts";
import { toContainerOptions } from "../container-options.ts";
import { dryRunFlags, isDryRun, printDryRun } from "../print-dry-run.ts";
import { runContainer } from "../run-container.ts";

const options = { ...runFlags, ...dryRunFlags };

export default command({
  summary: "Create and run a new container from an image",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  forms: ["container run", "run"],
  examples: [
    "tsrun run -it --rm alpine sh  # a shell, and nothing is left of it at its end",
    "tsrun run -d --name web -m 256m nginx  # in the background",
    'tsrun run --rm -v "$PWD:/src" -w /src node:22 npm test  # on your own files',
    "tsrun run --rm --dry-run tsrun/base true  # the kernel steps, not executed",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  failureCode: 125,
  options,
  run,
});

async function run(args: Arguments<typeof options>, context: Context): Promise<number> {
  const { options: flags, positionals } = args;
  if (!isDryRun(flags)) return await runContainer(args, context);
  return await printDryRun(toContainerOptions(flags, positionals, context.env), flags.format, context);
}

import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { runFlags } from "../container-flags.ts";
import { toContainerOptions } from "../container-options.ts";
import { flag, value } from "../option-table.ts";
import { only } from "../options/choices.ts";
import { runContainer } from "../run-container.ts";

const options = {
  ...runFlags,
  "dry-run": flag("Print the plan of kernel steps instead of executing it"),
  format: value("With --dry-run: text or json", { parse: only(["text", "json"], "other formats") }),
};

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
  run: async (args, context) =>
    args.options["dry-run"] ? await dryRun(args, context) : await run(args, context),
});

async function run(args: Arguments<typeof options>, context: Context): Promise<number> {
  if (args.options.format !== undefined) {
    throw new TsrunError("ERR_TSRUN_USAGE", "--format goes with --dry-run");
  }
  return await runContainer(args, context);
}

async function dryRun(
  { options: flags, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const { renderPlan, renderPlanJson } = await import("../render/plan.ts");
  const engine = await context.engine();
  const plan = await engine.dryRun(toContainerOptions(flags, positionals, context.env));
  context.out(flags.format === "json" ? renderPlanJson(plan) : renderPlan(plan));
  return 0;
}

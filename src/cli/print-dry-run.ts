/** `--dry-run` of run and create: the Plan in place of its execution. */
import type { ContainerOptions } from "../engine/types.ts";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import { flag, value } from "./option-table.ts";
import { only } from "./options/choices.ts";

export const dryRunFlags = {
  "dry-run": flag("Print the plan of kernel steps instead of executing it"),
  format: value("With --dry-run: text or json", { parse: only(["text", "json"], "other formats") }),
};

interface Flags {
  "dry-run": boolean;
  format: string | undefined;
}

/** Whether the Plan is all that is asked for; --format without it is ERR_TSRUN_USAGE. */
export function isDryRun({ "dry-run": dryRun, format }: Flags): boolean {
  if (!dryRun && format !== undefined)
    throw new TsrunError("ERR_TSRUN_USAGE", "--format goes with --dry-run");
  return dryRun;
}

/** Returns the exit code. */
export async function printDryRun(
  options: ContainerOptions,
  format: string | undefined,
  context: Context,
): Promise<number> {
  const { renderPlan, renderPlanJson } = await import("./render/plan.ts");
  const plan = await (await context.engine()).dryRun(options);
  context.out(format === "json" ? renderPlanJson(plan) : renderPlan(plan));
  return 0;
}

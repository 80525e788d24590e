/**
 * Writes native/fuzz/corpus/plan: Plans as the encoder makes them, from which libFuzzer starts. Run it again where Plans
 * have changed:
 *
 *     node test/fuzz/plan-seeds.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encodePlan } from "../../src/runtime/plan/encode.ts";
import { execPlan } from "../../src/runtime/plan/exec-plan.ts";
import type { Plan, Step } from "../../src/runtime/plan/plan.ts";
import { EVERY_STEP } from "../unit/runtime/plan/every-step.ts";
import { planOf, typicalConfig, typicalProcess } from "../unit/runtime/plan/typical.ts";

const folder = fileURLToPath(new URL("../../native/fuzz/corpus/plan/", import.meta.url));

/** Every kind of step, in a Plan as short as can be: what few bytes say is changed in more ways. */
function everyStep(): Plan {
  const { fork, clone, execve, ...others } = EVERY_STEP;
  const steps = [fork, clone, ...Object.values(others), execve].map((step): Step => ({ ...step, why: "." }));
  return { fds: ["cgroup", "netns", "gate", "other", "userns:/dst"], steps };
}

const plans: Record<string, Plan> = {
  ordinary: planOf(typicalConfig()),
  terminal: planOf(typicalConfig({ process: typicalProcess({ terminal: true }) })),
  exec: execPlan({
    process: typicalProcess(),
    cgroup: { cloneInto: true, procsFiles: [] },
    seccomp: undefined,
  }),
  "every-step": everyStep(),
};

mkdirSync(folder, { recursive: true });
for (const [name, plan] of Object.entries(plans)) writeFileSync(`${folder}${name}`, encodePlan(plan));

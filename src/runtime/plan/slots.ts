/**
 * Which number each named slot of a Plan has: the launcher's from 0 in the order of `plan.fds`, then those that the
 * steps fill; the monitor's three streams have fixed places (native/include/plan.h).
 */
import { TsrunError } from "../../errors.ts";
import type { Plan } from "./plan.ts";

const STREAMS: ReadonlyArray<readonly [string, number]> = [
  ["stdin", 253],
  ["stdout", 254],
  ["stderr", 255],
];
const FIRST_STREAM = 253;

/** Numbers by name; throws ERR_TSRUN_PLAN_TOO_MANY_SLOTS where a Plan needs more than there are. */
export function assignSlots(plan: Plan): Map<string, number> {
  const slots = new Map<string, number>(STREAMS);
  let next = 0;
  const add = (name: string): void => {
    if (slots.has(name)) return;
    if (next === FIRST_STREAM) {
      throw new TsrunError(
        "ERR_TSRUN_PLAN_TOO_MANY_SLOTS",
        `more than ${FIRST_STREAM} files and mounts from the host`,
        {
          hint: "mount a common parent directory instead of its many parts",
        },
      );
    }
    slots.set(name, next++);
  };
  plan.fds.forEach(add);
  for (const step of plan.steps) if (step.op === "openTree" || step.op === "openPath") add(step.slot);
  return slots;
}

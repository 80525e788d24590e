/** Numbers of steps, in the order in which they are announced. */
import type { BuildEvent } from "./types.ts";

export interface StepCounter {
  next(): number;
  /** One that is announced at once. */
  internal(name: string): number;
}

export function stepCounter(emit: (event: BuildEvent) => void): StepCounter {
  let last = 0;
  const next = (): number => ++last;
  return {
    next,
    internal(name) {
      const step = next();
      emit({ type: "step", step, name, inputs: [], digest: "" });
      return step;
    },
  };
}

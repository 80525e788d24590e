/** The steps of a build before the first of them starts. */
import { cacheKey } from "./cache/key.ts";
import type { FilesFrom, Stage, Step } from "./graph/types.ts";
import type { BuildEvent } from "./types.ts";

type StepEvent = Extract<BuildEvent, { type: "step" }>;

/** Of the targets and all stages that they need, in the order of their numbers. */
export function stepsOf(targets: readonly Stage[]): StepEvent[] {
  const events = new Map<number, StepEvent>();
  const seen = new Set<Stage>();
  const add = (stage: Stage): void => {
    if (seen.has(stage)) return;
    seen.add(stage);
    if (stage.base.kind === "stage") add(stage.base.stage);
    let before = stage.base.kind === "stage" ? lastStep(stage.base.stage) : stage.fromStep;
    if (stage.fromStep !== undefined) {
      const reference = stage.base.kind === "image" ? stage.base.image.reference : "";
      events.set(stage.fromStep, eventOf(stage.fromStep, `${stage.fromName}FROM ${reference}`, []));
    }
    for (const step of stage.steps) {
      for (const files of filesOf(step)) if (files.kind === "stage") add(files.stage);
      const others = filesOf(step).flatMap((files) =>
        files.kind === "stage" ? (lastStep(files.stage) ?? []) : [],
      );
      events.set(
        step.number,
        eventOf(step.number, step.name, [...(before === undefined ? [] : [before]), ...others]),
      );
      before = step.number;
    }
  };
  for (const target of targets) add(target);
  return [...events.values()].sort((a, b) => a.step - b.step);
}

export function filesOf(step: Step): FilesFrom[] {
  if (step.kind === "files") return [step.from];
  return step.kind === "run" ? step.mounts.flatMap(({ files }) => files ?? []) : [];
}

/** What a stage is finished with. */
function lastStep(stage: Stage): number | undefined {
  const own = stage.steps.at(-1)?.number ?? stage.fromStep;
  return own ?? (stage.base.kind === "stage" ? lastStep(stage.base.stage) : undefined);
}

const eventOf = (step: number, name: string, inputs: readonly number[]): StepEvent => ({
  type: "step",
  step,
  name,
  inputs,
  digest: `sha256:${cacheKey({ name, inputs })}`,
});

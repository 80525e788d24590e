/** The stages that a target needs. */
import type { Stage } from "../types.ts";

/**
 * Indices of stages. `bases` are their bases as expanded.
 *
 * @param target a stage's name or number; undefined: all are needed
 */
export function neededStages(
  stages: readonly Stage[],
  bases: readonly string[],
  target?: string,
): ReadonlySet<number> {
  if (target === undefined) return new Set(stages.keys());
  const needed = new Set<number>();
  const waiting = [indexOf(stages, target, stages.length)];
  while (waiting.length > 0) {
    const index = waiting.pop() as number;
    const stage = stages[index];
    if (stage === undefined || needed.has(index)) continue;
    needed.add(index);
    // A base is a stage before this one, by its name alone.
    waiting.push(stages.slice(0, index).findLastIndex(({ name }) => name === bases[index]));
    for (const source of sourcesOf(stage)) waiting.push(indexOf(stages, source, index));
  }
  return needed;
}

/** What COPY --from and RUN --mount=from= of a stage name. */
function sourcesOf({ commands }: Stage): string[] {
  return commands.flatMap((command) => {
    if (command.keyword === "COPY") return command.from ?? [];
    return command.keyword === "RUN" ? command.mounts.flatMap(({ from }) => from ?? []) : [];
  });
}

function indexOf(stages: readonly Stage[], name: string, before: number): number {
  if (/^\d+$/.test(name)) return Number(name);
  return stages.slice(0, before).findLastIndex((stage) => stage.name === name.toLowerCase());
}

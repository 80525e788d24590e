/** `build --call targets`: the stages of a Dockerfile, in docker's table. */
import type { BuildTarget } from "../../../build/check.ts";
import { table } from "../table.ts";

export function targetList(targets: readonly BuildTarget[]): string {
  const rows = targets.map(({ name, isDefault, description }) => [
    isDefault ? `${name} (default)` : name,
    description,
  ]);
  return table([["TARGET", "DESCRIPTION"], ...rows]);
}

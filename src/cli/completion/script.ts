/** The shells' own parts of completion: scripts/completion, beside src/ (or dist/). */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TsrunError } from "../../errors.ts";

export const SHELLS = ["bash", "zsh", "fish"];

/** The script that a shell reads; ERR_TSRUN_USAGE for one that there is no script for. */
export function completionScript(shell: string): string {
  if (!SHELLS.includes(shell)) {
    throw new TsrunError("ERR_TSRUN_USAGE", `no completion for the shell "${shell}"`, {
      hint: `the shells are ${SHELLS.join(", ")}`,
    });
  }
  return readFileSync(join(directory(), `tsrun.${shell}`), "utf8");
}

function directory(): string {
  for (let up = dirname(fileURLToPath(import.meta.url)); ; up = dirname(up)) {
    const found = join(up, "scripts", "completion");
    if (existsSync(found) || up === dirname(up)) return found;
  }
}

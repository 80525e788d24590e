/** Files that lie beside the code, whether it is src/ or dist/, a checkout or a package in node_modules. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The path in the nearest directory above this module that has it, as node looks for packages; undefined if none does. */
export function findUp(path: string): string | undefined {
  for (let directory = dirname(fileURLToPath(import.meta.url)); ; directory = dirname(directory)) {
    const candidate = join(directory, path);
    if (existsSync(candidate)) return candidate;
    if (directory === dirname(directory)) return undefined;
  }
}

/** Names of the stages of the Dockerfile where the user is, for `build --target`. */
import { readFileSync } from "node:fs";

/** None where there is no Dockerfile. A look, not a reading: what is half written has names too. */
export function stageNames(path = "Dockerfile"): string[] {
  try {
    const matches = readFileSync(path, "utf8").matchAll(/^\s*FROM\s+.*\sAS\s+(\S+)\s*$/gim);
    return [...matches].map(([, name = ""]) => name);
  } catch {
    return [];
  }
}

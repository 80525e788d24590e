/** The file that tells an engine the process's number. */
import { renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Whole or not at all: the engine may be looking for it. */
export function writePidFile(path: string, pid: number): void {
  const temporary = join(dirname(path), `.${basename(path)}`);
  writeFileSync(temporary, String(pid), { flag: "w" });
  renameSync(temporary, path);
}

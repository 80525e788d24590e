/**
 * Names that only one container can have at a time: names/<name> is a symbolic link whose target is the id.
 * symlink(2) either makes it or fails with EEXIST, so two processes can never both get a name, without a lock.
 */
import { existsSync, mkdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { namesDir, type Paths } from "./paths.ts";

/** Gives `name` to `id`; false where another id has it. The same id may claim its name again. */
export function claimName(paths: Paths, name: string, id: string): boolean {
  const link = join(namesDir(paths), name);
  try {
    symlinkSync(id, link);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return resolveName(paths, name) === id;
    if (code !== "ENOENT" || existsSync(namesDir(paths))) throw error;
  }
  mkdirSync(namesDir(paths), { recursive: true, mode: 0o700 });
  return claimName(paths, name, id);
}

/** The id that has `name`, undefined where it is free. */
export function resolveName(paths: Paths, name: string): string | undefined {
  // Names come from the command line: one with a slash would read a link outside of the folder.
  if (name === "" || name.includes("/") || name.includes("\0")) return undefined;
  try {
    return readlinkSync(join(namesDir(paths), name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EINVAL" || code === "ENAMETOOLONG") return undefined;
    throw error;
  }
}

/** Frees `name`, if it is `id` that has it; says whether it was. */
export function releaseName(paths: Paths, name: string, id: string): boolean {
  if (resolveName(paths, name) !== id) return false;
  try {
    unlinkSync(join(namesDir(paths), name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** A tsrun with holes, for the attacks to succeed on: the sources with edits, built in a folder of their own. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../../support/cli.ts";
import type { Edit } from "./attack.ts";

/** Builds it in `directory`, which becomes an installation. An edit that the source has no place for is an error. */
export function buildWeakened(directory: string, edits: readonly Edit[]): void {
  const isEdited = (part: string): boolean => edits.some(({ file }) => file.startsWith(`${part}/`));
  const run = (program: string, ...args: string[]): void => {
    execFileSync(program, args, { cwd: directory, stdio: ["ignore", "ignore", "inherit"] });
  };
  mkdirSync(directory, { recursive: true });
  for (const name of ["node_modules", "rootfs-cache"]) link(directory, name);
  for (const name of ["bin", "src", "native", "scripts", "package.json"]) copy(directory, name);
  for (const edit of edits) apply(directory, edit);
  // Only what an edit concerns, and without warnings being errors: a hole leaves things behind that nobody uses any more.
  if (isEdited("native")) run("make", "-s", "-C", "native", "CFLAGS=-std=c11 -D_GNU_SOURCE -O1 -Iinclude");
  if (isEdited("src")) run(process.execPath, "scripts/build.mjs", "--no-types");
  else copy(directory, "dist");
}

const link = (directory: string, name: string): void =>
  symlinkSync(join(REPOSITORY, name), join(directory, name));

/** With its times, by which make(1) knows what is built already. */
function copy(directory: string, name: string): void {
  const ofOthers = ["fuzz", "sanitized", "aarch64"].map((kind) => join(REPOSITORY, "native", "build", kind));
  cpSync(join(REPOSITORY, name), join(directory, name), {
    recursive: true,
    preserveTimestamps: true,
    filter: (path) => !ofOthers.includes(path),
  });
}

function apply(directory: string, edit: Edit): void {
  const path = join(directory, edit.file);
  writeFileSync(path, edited(readFileSync(path, "utf8"), edit));
}

/** Throws where the source has no place for the edit, or several. */
export function edited(source: string, { file, from, to, everywhere = false }: Edit): string {
  const places = source.split(from).length - 1;
  if (places === 0 || (places > 1 && !everywhere))
    throw new Error(`${file} has ${places} places for the edit of ${JSON.stringify(from)}`);
  return source.replaceAll(from, () => to);
}

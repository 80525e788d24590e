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
  // Without warnings being errors: a hole leaves things behind that nobody uses any more.
  if (isEdited("native")) run("make", "-s", "-C", "native", "CFLAGS=-std=c11 -D_GNU_SOURCE -O1 -Iinclude");
  else copy(directory, BUILT);
  if (isEdited("src")) run(process.execPath, "scripts/build.mjs", "--no-types");
  else copy(directory, "dist");
}

const BUILT = join("native", "build");

const link = (directory: string, name: string): void =>
  symlinkSync(join(REPOSITORY, name), join(directory, name));

/** Without what was built of it. */
function copy(directory: string, name: string): void {
  const [from, built] = [join(REPOSITORY, name), join(REPOSITORY, BUILT)];
  cpSync(from, join(directory, name), { recursive: true, filter: (path) => path === from || path !== built });
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

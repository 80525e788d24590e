/** Removing whole directory trees that a container or a layer has filled. */
import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import type { RawPath } from "../kernel/files.ts";

/**
 * Removes `path` and everything below it; no error where it is not there. Symbolic links are removed, not followed.
 * Blocks: 100,000 files take a second or two, which is the kernel's time.
 */
export function removeTree(path: RawPath): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Without CAP_DAC_OVERRIDE a directory of mode 0555 cannot be emptied, even by its owner.
    if (code !== "EACCES" && code !== "EPERM") throw error;
    makeWritable(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

function makeWritable(path: Buffer): void {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, { encoding: "buffer" })) {
    makeWritable(Buffer.concat([path, Buffer.from("/"), name]));
  }
}

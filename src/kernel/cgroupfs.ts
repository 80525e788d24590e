/**
 * Control files of cgroup filesystems. They are not ordinary files: each write(2) is one command, and a file that is
 * absent means that the kernel lacks the feature, so nothing here may create one.
 */
import { closeSync, constants, openSync, readFileSync, statfsSync, writeSync } from "node:fs";
import { SyscallError } from "./errors.ts";

/** statfs(2) f_type of the cgroup v2 filesystem (linux/magic.h). */
const CGROUP2_SUPER_MAGIC = 0x63677270;

/** Whether `path` is on a cgroup v2 filesystem; false where it does not exist. */
export function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_SUPER_MAGIC;
  } catch {
    return false;
  }
}

/** Gives each value to the control file in a write(2) of its own; throws SyscallError. */
export function writeControl(file: string, ...values: string[]): void {
  try {
    const fd = openSync(file, constants.O_WRONLY);
    try {
      for (const value of values) writeSync(fd, value);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asSyscallError(error, file);
  }
}

/** As writeControl; false where the file is absent, which a group's last process may have made it at any moment. */
export function writeControlIfAny(file: string, value: string): boolean {
  try {
    writeControl(file, value);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && (error.code === "ENOENT" || error.code === "ENODEV")) return false;
    throw error;
  }
}

/** The file's text without the final newline; throws SyscallError. */
export function readControl(file: string): string {
  try {
    return readFileSync(file, "latin1").trimEnd();
  } catch (error) {
    throw asSyscallError(error, file);
  }
}

/** As readControl; undefined where the file is absent. */
export function readControlIfAny(file: string): string | undefined {
  try {
    return readControl(file);
  } catch (error) {
    if (error instanceof SyscallError && (error.code === "ENOENT" || error.code === "ENODEV"))
      return undefined;
    throw error;
  }
}

/** The number on the line "key number" of a flat keyed file's text (cgroups(7)); undefined where there is no such key. */
export function keyedNumber(text: string | undefined, key: string): number | undefined {
  const line = text?.split("\n").find((each) => each.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}

/** What node:fs throws, as the error type of kernel/. */
function asSyscallError(error: unknown, path: string): unknown {
  const { syscall, errno } = error as NodeJS.ErrnoException;
  return syscall === undefined || errno === undefined ? error : new SyscallError(syscall, -errno, path);
}

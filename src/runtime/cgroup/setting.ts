/**
 * A limit as the control files that carry it. Both versions of cgroups translate OciResources into Settings, which is
 * policy and can be tested anywhere; applying them is the same for both.
 */
import { readControlIfAny, writeControl } from "../../kernel/cgroupfs.ts";
import { SyscallError } from "../../kernel/errors.ts";
import { controllerMissing, limitRefused, limitUnsupported } from "./errors.ts";

export type Controller =
  | "memory"
  | "cpu"
  | "cpuacct"
  | "cpuset"
  | "pids"
  | "devices"
  | "freezer"
  | "blkio"
  | "io";

export interface Setting {
  controller: Controller;
  /** The option that asks for it, for messages: "--memory". */
  option: string;
  /** Value by file name. Kernels differ in which of these they have: each one present is written, one must be. */
  files: Readonly<Record<string, string>>;
  /** Nobody asked for it, it follows from another limit: left out where the kernel has no such file. */
  implied?: boolean;
}

type DirectoryOf = (controller: Controller) => string | undefined;

/** Writes the settings in order; throws TsrunError ERR_TSRUN_CGROUP_* at the first that cannot be applied. */
export function applySettings(version: 1 | 2, directoryOf: DirectoryOf, settings: readonly Setting[]): void {
  for (const setting of settings) apply(version, directoryOf, setting);
}

/** The same in a cgroup that is in use: where one cannot be applied, those before it get their old values back. */
export function replaceSettings(
  version: 1 | 2,
  directoryOf: DirectoryOf,
  settings: readonly Setting[],
): void {
  const before: { path: string; value: string }[] = [];
  try {
    for (const setting of settings) {
      before.push(...current(directoryOf(setting.controller), setting));
      apply(version, directoryOf, setting);
    }
  } catch (error) {
    for (const { path, value } of before.reverse()) restore(path, value);
    throw error;
  }
}

function apply(version: 1 | 2, directoryOf: DirectoryOf, setting: Setting): void {
  const directory = directoryOf(setting.controller);
  if (directory === undefined)
    throw controllerMissing(version, setting.controller, { option: setting.option });
  const written = Object.entries(setting.files).filter(([file, value]) =>
    writeIfPresent(directory, file, value, setting.option),
  );
  if (written.length === 0 && setting.implied !== true) {
    const names = Object.keys(setting.files).join(" or ");
    throw limitUnsupported(setting.option, `${directory} has no ${names}`, missingFileHint(setting));
  }
}

function current(directory: string | undefined, { files }: Setting): { path: string; value: string }[] {
  return Object.keys(files).flatMap((file) => {
    const path = `${directory}/${file}`;
    const value = directory === undefined ? undefined : readControlIfAny(path);
    return value === undefined ? [] : [{ path, value }];
  });
}

/** The kernel took this value before; should it not do so now, the refusal that is about to be reported says more. */
function restore(path: string, value: string): void {
  try {
    writeControl(path, value);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}

function writeIfPresent(directory: string, file: string, value: string, option: string): boolean {
  try {
    writeControl(`${directory}/${file}`, value);
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "ENOENT" && error.syscall === "open") return false;
    throw limitRefused(option, file, value, error);
  }
}

function missingFileHint(setting: Setting): string {
  if (setting.option === "--memory-swap") return "boot with swapaccount=1 on the kernel command line";
  if (setting.option.startsWith("--blkio-weight")) {
    return "weights need the BFQ scheduler (modprobe bfq) or io.cost in the kernel; --device-read-bps and its like work without";
  }
  return "this kernel was built without that limit: leave the option out";
}

/**
 * A limit as the control files that carry it. Both versions of cgroups translate OciResources into Settings, which is
 * policy and can be tested anywhere; applying them is the same for both.
 */
import { readControlIfAny, writeControl } from "../../kernel/cgroupfs.ts";
import { SyscallError } from "../../kernel/errors.ts";
import { controllerMissing, limitRefused, limitUnsupported } from "./errors.ts";

/** By the kernel's names; `unified` resources may name others yet. */
export type Controller =
  | "memory"
  | "cpu"
  | "cpuacct"
  | "cpuset"
  | "pids"
  | "devices"
  | "freezer"
  | "blkio"
  | "io"
  | "hugetlb"
  | "net_cls"
  | "net_prio"
  | "rdma"
  | (string & {});

export interface Setting {
  controller: Controller;
  /** The option that asks for it, for messages: "--memory". */
  option: string;
  /**
   * Value by file name; each line of a value is written by itself. Kernels differ in which of these files they have:
   * each one present is written, one must be.
   */
  files: Readonly<Record<string, string>>;
  /** Nobody asked for it, it follows from another limit: left out where the kernel has no such file. */
  implied?: boolean;
  /** The kernel judges it against another setting: what it calls invalid is tried again after the others. */
  relative?: boolean;
}

type DirectoryOf = (controller: Controller) => string | undefined;

/** Writes the settings in order; throws TsrunError ERR_TSRUN_CGROUP_* at the first that cannot be applied. */
export function applySettings(version: 1 | 2, directoryOf: DirectoryOf, settings: readonly Setting[]): void {
  const again: Setting[] = [];
  for (const setting of settings) {
    try {
      apply(version, directoryOf, setting);
    } catch (error) {
      if (!setting.relative || !isInvalid(error)) throw error;
      again.push(setting);
    }
  }
  for (const setting of again) apply(version, directoryOf, setting);
}

/** The same in a cgroup that is in use: where one cannot be applied, all get their old values back. */
export function replaceSettings(
  version: 1 | 2,
  directoryOf: DirectoryOf,
  settings: readonly Setting[],
): void {
  const before = settings.flatMap((setting) => current(directoryOf(setting.controller), setting)).reverse();
  try {
    applySettings(version, directoryOf, settings);
  } catch (error) {
    const refused = before.filter((each) => !restore(each));
    for (const each of refused) restore(each);
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

const isInvalid = (error: unknown): boolean =>
  error instanceof Error && error.cause instanceof SyscallError && error.cause.code === "EINVAL";

interface Before {
  path: string;
  value: string;
}

function current(directory: string | undefined, { files }: Setting): Before[] {
  return Object.keys(files).flatMap((file) => {
    const path = `${directory}/${file}`;
    const value = directory === undefined ? undefined : readControlIfAny(path);
    return value === undefined ? [] : [{ path, value }];
  });
}

/** False where the kernel refuses it, as it may until another has its old value too. */
function restore({ path, value }: Before): boolean {
  try {
    writeControl(path, ...linesOf(value));
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return false;
  }
}

function writeIfPresent(directory: string, file: string, value: string, option: string): boolean {
  try {
    writeControl(`${directory}/${file}`, ...linesOf(value));
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "ENOENT" && error.syscall === "open") return false;
    throw limitRefused(option, file, value, error);
  }
}

/** An empty value is a line too: it empties a cpuset. */
function linesOf(value: string): string[] {
  const lines = value.split("\n").filter((line) => line !== "");
  return lines.length === 0 ? ["\n"] : lines;
}

function missingFileHint({ option, controller }: Setting): string {
  if (option === "--memory-swap" || option.endsWith("memory.swap"))
    return "boot with swapaccount=1 on the kernel command line";
  if (option.startsWith("--blkio-weight") || option.includes("blockIO.weight")) {
    return "weights need the BFQ scheduler (modprobe bfq) or io.cost in the kernel; --device-read-bps and its like work without";
  }
  if (controller === "hugetlb") return "the sizes that this kernel has: ls /sys/kernel/mm/hugepages";
  return "this kernel was built without that limit: leave the option out";
}

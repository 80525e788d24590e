/** The options of a tmpfs mount: what Docker sets by default, overridden by what the user wrote. */
import { TsrunError } from "../errors.ts";

const DEFAULTS = ["noexec", "nosuid", "nodev"];

/** Flags that exclude each other: the last one written wins within its row. */
const FLAG_ROWS: readonly (readonly string[])[] = [
  ["exec", "noexec"],
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["ro", "rw"],
  ["sync", "async"],
  ["diratime", "nodiratime"],
  ["atime", "noatime", "relatime", "norelatime", "strictatime", "nostrictatime"],
  ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"],
];
const FLAGS = new Set(["dirsync", "mand", "nomand", ...FLAG_ROWS.flat()]);

/** tmpfs(5), "Mount options". */
const DATA_KEYS = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);

/** Merges options ("size=64m", "exec") over the defaults; throws ERR_TSRUN_MOUNT_INVALID for an unknown one. */
export function mergeTmpfsOptions(asked: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const option of [...DEFAULTS, ...asked]) {
    // "defaults" is mount(8)'s word for nothing in particular.
    if (option === "" || option === "defaults") continue;
    const slot = slotOf(option);
    merged.delete(slot);
    merged.set(slot, option);
  }
  return [...merged.values()];
}

/** What two options have in common when only one of them can hold. */
function slotOf(option: string): string {
  const row = FLAG_ROWS.findIndex((flags) => flags.includes(option));
  if (row !== -1) return `row ${row}`;
  if (FLAGS.has(option)) return option;
  const key = option.slice(0, Math.max(0, option.indexOf("=")));
  if (DATA_KEYS.has(key)) return `${key}=`;
  throw new TsrunError("ERR_TSRUN_MOUNT_INVALID", `invalid tmpfs option ${JSON.stringify(option)}`, {
    hint: `known options are ${[...DATA_KEYS].map((name) => `${name}=`).join(", ")} and ${[...FLAGS].join(", ")}`,
  });
}

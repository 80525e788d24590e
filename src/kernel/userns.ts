/** User namespaces without a process in them: a table of ids for idmapped mounts, mount_setattr(2). */
import { SyscallError } from "./errors.ts";
import { native } from "./native.ts";

const usernsOpen = native("int tsrun_userns_open(const char *uid_map, const char *gid_map)");

/** A line of uid_map(5): `size` ids from `inside` on are those from `outside` on. */
export interface IdRange {
  inside: number;
  outside: number;
  size: number;
}

/** A namespace with these maps; the caller closes the descriptor. Throws SyscallError. */
export function openUserNamespace(uids: readonly IdRange[], gids: readonly IdRange[]): number {
  const result: number = usernsOpen(mapText(uids), mapText(gids));
  if (result < 0) throw new SyscallError("clone", -result, "user namespace");
  return result;
}

const mapText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ inside, outside, size }) => `${inside} ${outside} ${size}\n`).join("");

/**
 * Whether this process is root of the whole host, or of the namespaces of an ordinary user (user_namespaces(7)): what
 * tsrun does is the same, but for what the kernel keeps for the host's root. native/rootless makes those namespaces.
 */
import { lstatSync, readFileSync } from "node:fs";

/** uid_map of a process that is in no user namespace but the first: all ids there are, as they are. */
const WHOLE_HOST = /^\s*0\s+0\s+4294967295\s*$/;

let rootless: boolean | undefined;

/** Whether tsrun works inside of a user namespace. */
export function isRootless(): boolean {
  rootless ??= !WHOLE_HOST.test(readMap("uid"));
  return rootless;
}

/** Whether this process may not do what only the host's root may: it is somebody else, or root of namespaces alone. */
export const lacksHostRoot = (): boolean => process.geteuid?.() !== 0 || isRootless();

let last: number | undefined;

/** The highest id that this user namespace has from 0 on without a gap, as a user's and as a group's. */
export function lastId(): number {
  last ??= Math.min(lastOf("uid"), lastOf("gid"));
  return last;
}

function lastOf(kind: "uid" | "gid"): number {
  let next = 0;
  for (const line of readMap(kind).trim().split("\n")) {
    const [inside, , count] = line.trim().split(/\s+/).map(Number) as [number, number, number];
    if (inside === next) next += count;
  }
  return next - 1;
}

/** Who the user is outside of the namespaces. */
export function hostUser(): number {
  if (process.geteuid?.() !== 0) return process.geteuid?.() ?? 0;
  return Number(/^\s*0\s+(\d+)/m.exec(readMap("uid"))?.[1] ?? 0);
}

/** The prefix of overlayfs's own attributes: trusted.* is the host's root's, so such mounts have the option "userxattr". */
export const overlayAttribute = (name: string): string =>
  `${isRootless() ? "user" : "trusted"}.overlay.${name}`;

/** Where the launcher keeps what it knows of the user's namespaces: native/rootless/directory.c looks in the same order. */
export function rootlessDirectory(): string {
  const user = hostUser();
  const own = `/run/user/${user}`;
  return `${isPrivate(own) ? own : `/tmp/tsrun-run-${user}`}/tsrun/rootless`;
}

/** A directory of this user's that nobody else can write to. */
function isPrivate(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0;
}

/** A kernel without user namespaces has no such files. */
function readMap(kind: "uid" | "gid"): string {
  try {
    return readFileSync(`/proc/self/${kind}_map`, "latin1");
  } catch {
    return "0 0 4294967295";
  }
}

/** User namespaces without a process in them: for idmapped mounts (mount_setattr(2)), and for a container to join. */
import { closeSync } from "node:fs";
import { check, checkResult } from "./errors.ts";
import { libc } from "./libc.ts";
import { native } from "./native.ts";

const usernsOpen = native("int tsrun_userns_open(const char *uid_map, const char *gid_map)");
const usernsOpenNet = native(
  "int tsrun_userns_open_net(const char *uid_map, const char *gid_map, _Out_ int *fds)",
);

const openTree = libc("long open_tree(int dirfd, const char *path, unsigned int flags)");
const mountSetattr = libc(
  "long mount_setattr(int dirfd, const char *path, unsigned int flags, void *attributes, size_t size)",
);

/** <linux/mount.h>, <fcntl.h> */
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const MOUNT_ATTR_IDMAP = 0x00100000n;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;

/** A line of uid_map(5): `size` ids from `inside` on are those from `outside` on. */
export interface IdRange {
  inside: number;
  outside: number;
  size: number;
}

/** A namespace with these maps; the caller closes the descriptor. Throws SyscallError. */
export function openUserNamespace(uids: readonly IdRange[], gids: readonly IdRange[]): number {
  return checkResult("clone", usernsOpen(mapText(uids), mapText(gids)), "user namespace");
}

/** The same with a network namespace that it owns; the caller closes both. Throws SyscallError. */
export function openUserNamespaceWithNetwork(
  uids: readonly IdRange[],
  gids: readonly IdRange[],
): { user: number; net: number } {
  const fds: [number, number] = [-1, -1];
  checkResult("clone", usernsOpenNet(mapText(uids), mapText(gids), fds), "user and network namespace");
  return { user: fds[0], net: fds[1] };
}

const mapText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ inside, outside, size }) => `${inside} ${outside} ${size}\n`).join("");

/** Owners in a mount that is attached nowhere yet are those that the user namespace maps them to from now on. */
export function mapMountOwners(tree: number, userns: number, { recursive = false } = {}): void {
  // struct mount_attr { __u64 attr_set, attr_clr, propagation, userns_fd; }
  const attributes = Buffer.from(new BigUint64Array([MOUNT_ATTR_IDMAP, 0n, 0n, BigInt(userns)]).buffer);
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check("mount_setattr", () => mountSetattr(tree, "", flags, attributes, attributes.length));
}

/**
 * Whether owners can be mapped in a mount of what is at the absolute path: its filesystem has to know of that, and this
 * process to have privileges over it (mount_setattr(2), Linux 5.12).
 */
export function canMapOwners(path: string): boolean {
  const fds: number[] = [];
  try {
    const tree = check(
      "open_tree",
      () => openTree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
      path,
    );
    fds.push(tree);
    const root = [{ inside: 0, outside: 0, size: 1 }];
    const userns = openUserNamespace(root, root);
    fds.push(userns);
    mapMountOwners(tree, userns);
    return true;
  } catch {
    return false;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

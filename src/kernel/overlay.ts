/**
 * Root filesystems as descriptors: mounts attached to no directory, which live exactly as long as the descriptor
 * (open_tree(2), OPEN_TREE_CLONE; Linux 5.2). The descriptor serves path lookups only (O_PATH).
 */
import { checkResult } from "./errors.ts";
import { native } from "./native.ts";
import { isRootless } from "./rootless.ts";

const overlayOpen = native(
  "int tsrun_overlay_open(const char *directory, const char *target, const char *data, const char **lower, const char *upper, const char *work, int user_xattr, const char **binds)",
);
const rootOpen = native("int tsrun_root_open(int mount_namespace)");

/** One page less its NUL is what mount(2) takes as data. */
const DATA_LIMIT = 4095;

/** A mount of the host in the view. */
export interface ViewBind {
  source: string;
  /** The directory that `source` is relative to, and that no link in it may lead out of. */
  within?: string | undefined;
  target: string;
  readOnly: boolean;
}

export interface OverlayView {
  /** Absolute; all other paths of the overlay are relative to it. */
  directory: string;
  /** Topmost first. */
  lower: readonly string[];
  /** What is written to; without it the overlay is read-only. */
  writable?: { upper: string; work: string } | undefined;
  /** An empty directory: where the overlay is attached for a moment, in a mount namespace of its own. */
  target: string;
  /** Mounts of the host to appear in it; one whose target does not exist is left out. */
  binds: readonly ViewBind[];
}

/** Mounts an overlay that nobody else sees; the caller closes the descriptor. Throws SyscallError. */
export function openOverlay({ directory, lower, writable, target, binds }: OverlayView): number {
  const options = [`lowerdir=${lower.join(":")}`];
  if (writable) options.push(`upperdir=${writable.upper}`, `workdir=${writable.work}`);
  const userXattr = isRootless();
  if (userXattr) options.push("userxattr");
  const data = options.join(",");
  const result = overlayOpen(
    directory,
    target,
    data.length <= DATA_LIMIT ? data : null,
    [...lower, null],
    writable?.upper ?? null,
    writable?.work ?? null,
    userXattr ? 1 : 0,
    [
      ...binds.flatMap((bind) => [bind.source, bind.within ?? "", bind.target, bind.readOnly ? "ro" : "rw"]),
      null,
    ],
  );
  return checkResult("mount", result, `${directory}/${target}`);
}

/** The root of the mount namespace that `namespaceFd` refers to, without anything mounted below it. */
export function openNamespaceRoot(namespaceFd: number): number {
  return checkResult("open_tree", rootOpen(namespaceFd), "/");
}

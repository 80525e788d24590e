/**
 * What has changed in an overlay: its upper directory held against the layers below. By docker's rules: a directory is
 * changed where something in it is, its own time and size say nothing; of a removed or added directory's lower self
 * nothing is told but that it is gone.
 */
import { closeSync, fstatSync } from "node:fs";
import { getXattr, xattrsOfDescriptor } from "../../kernel/xattr.ts";
import { toPath } from "../unpack/bytes.ts";
import { isOpaque, isWhiteout } from "./layer.ts";
import { type LowerDirectory, type LowerFile, lookUp, namesIn as lowerNames, lowerRoot } from "./lower.ts";
import { namesIn, takeHold, type Visited } from "./walk.ts";

export interface Change {
  /** Added, changed or deleted. */
  kind: "A" | "C" | "D";
  /** Absolute; a byte string. */
  path: string;
}

export interface Changes {
  /** Sorted by path. */
  changes: Change[];
  /** Paths (relative byte strings) that are there only because of `mountPoints`. */
  omitted: ReadonlySet<string>;
}

/**
 * Compares an upper directory (an O_PATH descriptor) with the layers below it, topmost first. `mountPoints` are paths
 * (absolute byte strings) that are made for something to be mounted on: while nothing else is in them, neither they
 * nor what was made or touched on the way to them is a change.
 */
export function changesIn(
  upper: number,
  layers: readonly string[],
  mountPoints: readonly string[] = [],
): Changes {
  const comparison = new Comparison(mountPoints);
  const changes = comparison.inside({ fd: upper, path: "", lower: lowerRoot(layers), opaque: false });
  return { changes, omitted: comparison.omitted };
}

interface UpperDirectory {
  fd: number;
  /** Relative, "" for the root. */
  path: string;
  /** What the layers have in its place. */
  lower: LowerDirectory | undefined;
  /** The lower directory does not show through. */
  opaque: boolean;
}

class Comparison {
  readonly omitted = new Set<string>();
  readonly #mountPoints: ReadonlySet<string>;
  /** Directories on the way to mount points. */
  readonly #ways: ReadonlySet<string>;

  constructor(mountPoints: readonly string[]) {
    const paths = mountPoints.map((path) => path.slice(1));
    this.#mountPoints = new Set(paths);
    this.#ways = new Set(paths.flatMap(ancestors));
  }

  /** The changes below a directory. */
  inside({ fd, path, lower, opaque }: UpperDirectory): Change[] {
    const own = new Set(namesIn(fd));
    const hidden = opaque && lower ? lowerNames(lower).filter((name) => !own.has(name)) : [];
    return [...own, ...hidden].sort().flatMap((name) => {
      const child = path === "" ? name : `${path}/${name}`;
      const old = lower && lookUp(lower, name);
      if (!own.has(name)) return [{ kind: "D", path: `/${child}` } as const];
      const held = takeHold(fd, name);
      if (held === undefined) return [];
      try {
        return this.#at({ path: child, fd: held, stat: fstatSync(held, { bigint: true }) }, old);
      } finally {
        closeSync(held);
      }
    });
  }

  #at(found: Visited, old: LowerFile | undefined): Change[] {
    const path = `/${found.path}`;
    if (isWhiteout(found)) return old ? [{ kind: "D", path }] : [];
    const differs = old !== undefined && isDifferent(found, old);
    const below = this.#below(found, old);
    if (this.#isOurs(found, { old, differs, below })) {
      this.omitted.add(found.path);
      return [];
    }
    if (old === undefined) return [{ kind: "A", path }, ...below];
    return differs || below.length > 0 ? [{ kind: "C", path }, ...below] : below;
  }

  #below(found: Visited, old: LowerFile | undefined): Change[] {
    if (!found.stat.isDirectory()) return [];
    const lower = old?.directory;
    const opaque = lower !== undefined && isOpaque(xattrsOfDescriptor(found.fd));
    return this.inside({ fd: found.fd, path: found.path, lower, opaque });
  }

  /** Whether it is there only for something to be mounted on it, or below it. */
  #isOurs(
    { path, fd, stat }: Visited,
    { old, differs, below }: { old: LowerFile | undefined; differs: boolean; below: readonly Change[] },
  ): boolean {
    if (differs || below.length > 0) return false;
    if (this.#mountPoints.has(path)) return old === undefined && (stat.isDirectory() || stat.size === 0n);
    if (!this.#ways.has(path) || !stat.isDirectory()) return false;
    const names = namesIn(fd);
    return names.length > 0 && names.every((name) => this.omitted.has(`${path}/${name}`));
  }
}

/** "a/b/c" → "a", "a/b". */
function ancestors(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** A copied-up file has the lower one's time, so any change of its content shows in that, or in its size. */
function isDifferent({ stat, fd }: Visited, old: LowerFile): boolean {
  const before = old.stat;
  if (stat.mode !== before.mode || stat.uid !== before.uid || stat.gid !== before.gid) return true;
  if (stat.rdev !== before.rdev) return true;
  if (!stat.isDirectory() && (stat.mtimeNs !== before.mtimeNs || stat.size !== before.size)) return true;
  if (!stat.isFile()) return false;
  const capability = xattrsOfDescriptor(fd)?.get("security.capability");
  const former = getXattr(toPath(old.path), "security.capability");
  return (capability?.compare(former ?? Buffer.alloc(0)) ?? (former ? 1 : 0)) !== 0;
}

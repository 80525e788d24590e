/**
 * A layer out of a directory that overlayfs has written to, or that was filled by its rules: packed, digested and
 * compressed in one pass. The directory stays where it is and becomes the layer's; what only this mount could use goes.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, constants, openSync, unlinkSync } from "node:fs";
import { createGzip, constants as zlib } from "node:zlib";
import { futimes, lutimes } from "../kernel/files.ts";
import { O_PATH } from "../kernel/openat2.ts";
import { removeXattr, xattrsOfDescriptor } from "../kernel/xattr.ts";
import { isOpaque, packLayer } from "./pack/layer.ts";
import { type Visited, walk } from "./pack/walk.ts";
import { toPath } from "./unpack/bytes.ts";
import { writeFully } from "./write-fully.ts";

export interface PackJob {
  /** The directory, and the file to be made. */
  readonly tree: string;
  readonly blob: string;
  /** Unix seconds: what is newer gets this time, in the directory as in the archive. */
  readonly latest?: number | undefined;
}

/** As in LayerInfo. */
export interface Packed {
  readonly diffId: string;
  readonly digest: string;
  readonly compressedSize: number;
  readonly size: number;
  readonly entries: number;
}

/** Throws ERR_TSRUN_LAYER_NOT_PORTABLE, and what the disk says. */
export async function packDirectory({ tree, blob, latest }: PackJob): Promise<Packed> {
  const fd = openSync(tree, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    forget(tree, xattrsOfDescriptor(fd));
    if (latest !== undefined) clampTimes(fd, latest);
    const inventory = new Inventory();
    const tar = packLayer(fd, {
      onPacked: (found, xattrs) => {
        inventory.add(found, xattrs);
        forget(`/proc/self/fd/${fd}/${found.path}`, xattrs);
      },
      onLeftOut: ({ path }) => unlinkSync(toPath(`/proc/self/fd/${fd}/${path}`)),
    });
    const written = await compress(tar, blob);
    return { ...written, size: inventory.size, entries: inventory.entries };
  } finally {
    closeSync(fd);
  }
}

/** What the archive will hold. */
class Inventory {
  size = 0;
  entries = 0;
  readonly #links = new Set<string>();

  add({ stat }: Visited, xattrs: ReadonlyMap<string, Buffer> | undefined): void {
    this.entries += stat.isDirectory() && isOpaque(xattrs) ? 2 : 1;
    if (!stat.isFile()) return;
    if (stat.nlink > 1n) {
      const key = `${stat.dev}:${stat.ino}`;
      if (this.#links.has(key)) return;
      this.#links.add(key);
    }
    this.size += Number(stat.size);
  }
}

/** overlayfs's notes of the mount that the directory was written through; as a lower one it needs "opaque" alone. */
function forget(path: string, xattrs: ReadonlyMap<string, Buffer> | undefined): void {
  for (const name of xattrs?.keys() ?? [])
    if (/^(?:trusted|user)\.overlay\.(?!opaque$)/.test(name)) removeXattr(toPath(path), name);
}

/** Directories come after what is in them: their names are not changed, so neither are their times. */
function clampTimes(root: number, latest: number): void {
  const time = { seconds: latest, nanoseconds: 0 };
  for (const { fd, path, stat } of walk(root)) {
    if (stat.mtimeNs <= BigInt(latest) * 1_000_000_000n) continue;
    if (path !== "") lutimes(toPath(`/proc/self/fd/${root}/${path}`), time, time);
    else {
      const directory = openSync(`/proc/self/fd/${fd}`, "r");
      futimes(directory, time, time);
      closeSync(directory);
    }
  }
}

/** The fastest level: it takes a third of the default's time for a tenth more bytes. */
async function compress(
  tar: AsyncIterable<Buffer>,
  file: string,
): Promise<{ diffId: string; digest: string; compressedSize: number }> {
  const [plain, packed] = [createHash("sha256"), createHash("sha256")];
  const gzip = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: 128 * 1024 });
  const out = openSync(file, "wx", 0o600);
  let compressedSize = 0;
  try {
    gzip.on("data", (chunk: Buffer) => {
      packed.update(chunk);
      compressedSize += chunk.length;
      try {
        writeFully(out, chunk, file);
      } catch (error) {
        gzip.destroy(error as Error);
      }
    });
    const ended = once(gzip, "end");
    ended.catch(() => {}); // met below, where it is waited for
    for await (const chunk of tar) {
      plain.update(chunk);
      if (!gzip.write(chunk)) await Promise.race([once(gzip, "drain"), ended]);
    }
    gzip.end();
    await ended;
  } finally {
    gzip.destroy();
    closeSync(out);
  }
  return {
    diffId: `sha256:${plain.digest("hex")}`,
    digest: `sha256:${packed.digest("hex")}`,
    compressedSize,
  };
}

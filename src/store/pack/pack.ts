/**
 * A directory tree as a tar archive, made as it is read: the consumer's pace is the reader's. Entries are sorted, and
 * nothing but the files decides about the bytes.
 */
import { closeSync } from "node:fs";
import { largeContents, openContents, smallContents } from "./contents.ts";
import { entryOf } from "./entries.ts";
import { END_OF_ARCHIVE, encodeHeader, type PackedEntry, padding } from "./header.ts";
import { type Visited, type WalkOptions, walk } from "./walk.ts";

export interface PackOptions extends WalkOptions {
  /** The name of the tree's root in the archive, and what all other names begin with; "" for "./" and no prefix. */
  name: string;
  /** Turns a found file into other entries than the one that it is; undefined: as it is. */
  convert?: ((found: Visited, entry: PackedEntry) => readonly PackedEntry[] | undefined) | undefined;
  /** Who an entry's owner is in the archive; without, who it is on this host. */
  ownerOf?: ((owner: { uid: number; gid: number }) => { uid: number; gid: number }) | undefined;
  /** Called with what no archive can hold: sockets. */
  onLeftOut?: ((found: Visited) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Small entries are handed on together. */
const BATCH = 128 * 1024;

/** The archive of what an O_PATH descriptor refers to, which stays the caller's. */
export async function* packTree(fd: number, options: PackOptions): AsyncGenerator<Buffer> {
  const batch = new Batch();
  const links = new Map<string, string>();
  for (const found of walk(fd, options)) {
    options.signal?.throwIfAborted();
    const packed = entryOf(found, nameOf(found.path, options.name));
    if (packed === undefined) {
      options.onLeftOut?.(found);
      continue;
    }
    const entry = options.ownerOf ? { ...packed, ...options.ownerOf(packed) } : packed;
    const converted = options.convert?.(found, entry);
    if (converted) for (const each of converted) batch.add(encodeHeader(each));
    else if (entry.type === "file") yield* packFile(found, entry, { links, batch });
    else batch.add(encodeHeader(alreadyPacked(found, entry, links) ?? entry));
    if (batch.length >= BATCH) yield batch.take();
  }
  batch.add(END_OF_ARCHIVE);
  yield batch.take();
}

/** A header for each file, its data, and where it has several names its data once. */
async function* packFile(
  { fd, stat }: Visited,
  entry: PackedEntry,
  { links, batch }: { links: Map<string, string>; batch: Batch },
): AsyncGenerator<Buffer> {
  const link = alreadyPacked({ stat }, entry, links);
  if (link) {
    batch.add(encodeHeader(link));
    return;
  }
  const contents = openContents(fd);
  try {
    const small = smallContents(contents, entry.size);
    const size = small?.length ?? entry.size;
    batch.add(encodeHeader({ ...entry, size }));
    if (small) {
      batch.add(small);
    } else {
      yield batch.take();
      yield* largeContents(contents, size);
    }
    batch.add(new Uint8Array(padding(size)));
  } finally {
    closeSync(contents);
  }
}

/** A hard link to the first name under which a file was packed; undefined for that itself. */
function alreadyPacked(
  { stat }: Pick<Visited, "stat">,
  entry: PackedEntry,
  links: Map<string, string>,
): PackedEntry | undefined {
  if (stat.nlink < 2n || entry.type === "directory") return undefined;
  const key = `${stat.dev}:${stat.ino}`;
  const first = links.get(key);
  if (first === undefined) links.set(key, entry.name);
  return first === undefined
    ? undefined
    : { ...entry, type: "hardlink", linkname: first, size: 0, major: 0, minor: 0, xattrs: undefined };
}

function nameOf(path: string, root: string): string {
  if (path === "") return root || ".";
  return root === "" ? path : `${root}/${path}`;
}

class Batch {
  #parts: Uint8Array[] = [];
  length = 0;

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  take(): Buffer {
    const all = Buffer.concat(this.#parts, this.length);
    this.#parts = [];
    this.length = 0;
    return all;
  }
}

/** Layers: however an archive is damaged, reading it ends in entries that are whole, or in an error with a code. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TsrunError } from "../../src/errors.ts";
import { decompress } from "../../src/store/unpack/decompress.ts";
import { entryName } from "../../src/store/unpack/entry-name.ts";
import { type TarEntry, TarReader } from "../../src/store/unpack/tar-reader.ts";
import { zstdFrameSplitter } from "../../src/store/unpack/zstd-frames.ts";
import { corpus, effort, mutated, refusedOr } from "./mutations.ts";
import { withChecksums } from "./tar-checksums.ts";

const { timeout, ...runs } = effort();
const words = [
  "../",
  "/",
  "./",
  ".wh.",
  ".wh..wh..opq",
  "ustar",
  "x",
  "g",
  "L",
  "K",
  "S",
  "path=",
  "\n",
  "1",
  "2",
];
const seeds = corpus("tar");

/** The entries of an archive that arrives in chunks of `size` bytes; "refused" where it is not one. */
function entries(archive: Buffer, size: number): (TarEntry & { received: number })[] | "refused" {
  const read: (TarEntry & { received: number })[] = [];
  const open: TarEntry[] = [];
  const reader = new TarReader({
    entry(entry) {
      expect(open).toEqual([]);
      open.push(entry);
      read.push({ ...entry, received: 0 });
    },
    data(_chunk, start, end) {
      const last = read.at(-1);
      if (last) last.received += end - start;
    },
    end: () => void open.pop(),
  });
  const complete = refusedOr(() => {
    for (let at = 0; at < archive.length; at += size)
      reader.push(Buffer.from(archive.subarray(at, at + size)));
    reader.finish();
    return true;
  });
  return complete ? read : "refused";
}

test("a tar archive means the same in whatever pieces it arrives", { timeout }, () => {
  const property = fc.property(
    mutated(seeds, words).map(withChecksums),
    fc.integer({ min: 1, max: 3000 }),
    (archive, size) => {
      const whole = entries(archive, archive.length || 1);
      expect(entries(archive, size)).toEqual(whole);
      if (whole === "refused") return;
      for (const { type, size: told, received } of whole) expect(received).toBe(type === "file" ? told : 0);
    },
  );
  fc.assert(property, runs);
});

test("no entry's name leads out of the layer", { timeout }, () => {
  const names = ["a/../../b", "/etc/passwd", "./.wh..", ".wh..wh..opq", "a//b/", "..", ".wh.a/b"].map(
    (name) => Buffer.from(name),
  );
  const property = fc.property(mutated(names, words), (bytes) => {
    const entry = refusedOr(() => entryName(bytes.toString("latin1")));
    if (entry === undefined) return;
    const path = [entry.parent, entry.base].filter(Boolean).join("/");
    expect(path.startsWith("/")).toBe(false);
    expect(path.split("/")).not.toContain("..");
  });
  fc.assert(property, runs);
});

test("compressed archives, damaged: an error with a code, or the bytes", { timeout }, async () => {
  const compressed = seeds.flatMap((seed) => [gzipSync(seed), zstdCompressSync(seed)]);
  const property = fc.asyncProperty(mutated(compressed), async (input) => {
    async function* source(): AsyncGenerator<Buffer> {
      for (let at = 0; at < input.length; at += 700) yield Buffer.from(input.subarray(at, at + 700));
    }
    try {
      for await (const _ of decompress(source()));
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
    }
  });
  await fc.assert(property, runs);
});

test("zstd streams are cut at the same places in whatever pieces they arrive", { timeout }, () => {
  const streams = seeds.map((seed) => Buffer.concat([zstdCompressSync(seed), zstdCompressSync(seed)]));
  const ends = (input: Buffer, size: number): Set<number> => {
    const split = zstdFrameSplitter();
    const found = new Set<number>();
    let at = 0;
    for (let from = 0; from < input.length; from += size) {
      const chunk = input.subarray(from, from + size);
      for (const piece of split(chunk)) {
        at += piece.length;
        found.add(at);
      }
      expect(at).toBe(Math.min(from + size, input.length));
    }
    return found;
  };
  const property = fc.property(mutated(streams), fc.integer({ min: 1, max: 500 }), (input, size) => {
    const pieces = ends(input, size);
    for (const end of ends(input, input.length || 1)) expect(pieces.has(end)).toBe(true);
  });
  fc.assert(property, runs);
});

import { mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { ArchiveFiles } from "../../../src/image/archive/files.ts";
import { openTarFile, openTarStream } from "../../../src/image/archive/tar-files.ts";
import { type LayerEntry, tarLayer } from "../../support/tar-layer.ts";
import { tar, tarEntry } from "../store/tar-builder.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-tar-files-"));
const paths = { root: join(directory, "root"), run: join(directory, "run") };
afterAll(() => rmSync(directory, { recursive: true }));

/** Sizes at which a file begins or ends together with a block, or with a piece of what is read at once. */
const SIZES = [
  0,
  1,
  511,
  512,
  513,
  31_744,
  32_256,
  32_767,
  32_768,
  65_024,
  65_536,
  100_000,
  (1 << 20) + 3,
  7,
];

function content(size: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 0xff));
}

const entries: LayerEntry[] = SIZES.map((size, i) => ({ path: `f${i}`, data: content(size, i) }));
const archive = tarLayer([
  ...entries,
  { path: "d/" },
  { path: "d/link", type: "SymbolicLink", linkpath: "../f11" },
  { path: "hard", type: "Link", linkpath: "f11" },
  { path: "./dotted", data: "dotted" },
]);

async function read(files: ArchiveFiles, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of files.stream(name)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function check(files: ArchiveFiles): Promise<void> {
  using _ = files;
  for (const [i, size] of SIZES.entries()) {
    expect(files.size(`f${i}`)).toBe(size);
    expect((await read(files, `f${i}`)).equals(content(size, i))).toBe(true);
  }
  for (const link of ["d/link", "hard"])
    expect((await read(files, link)).equals(content(100_000, 11))).toBe(true);
  expect((await read(files, "dotted")).toString()).toBe("dotted");
  expect(files.size("nothing")).toBeUndefined();
  await expect(read(files, "nothing")).rejects.toMatchObject({ code: "ERR_TSRUN_ARCHIVE_INVALID" });
  const some = files.stream("f12")[Symbol.asyncIterator]();
  await some.next();
  await some.return?.();
  expect((await read(files, "f0")).length).toBe(0);
}

const file = join(directory, "archive.tar");
const open = (bytes: Uint8Array): Promise<ArchiveFiles> => {
  writeFileSync(file, bytes);
  return openTarFile(openSync(file, "r"), { paths });
};

describe("the files of a tar archive", () => {
  test("in a file, read in place", async () => check(await open(archive)));

  test("in a compressed file", async () => check(await open(gzipSync(archive))));

  test.each([1 << 20, 100_000, 512, 333])("from a stream in pieces of %i bytes", async (length) => {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < archive.length; at += length) yield archive.subarray(at, at + length);
    }
    await check(await openTarStream(pieces(), { paths }));
    expect(readdirSync(join(paths.root, "tmp"))).toEqual([]);
  });

  test("from a stream whose writer has paused, until the signal is aborted", async () => {
    const source = new PassThrough();
    source.write(archive.subarray(0, 5000));
    const controller = new AbortController();
    const opened = openTarStream(source, { paths, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("interrupted")), 20);
    await expect(opened).rejects.toThrow("interrupted");
    expect(source.destroyed).toBe(true);
    expect(readdirSync(join(paths.root, "tmp"))).toEqual([]);
  });

  test("cut anywhere they are refused, unless it is at the end of an entry", async () => {
    const one = tarLayer([{ path: "x", data: content(40_000, 1) }]);
    for (const length of [300, 600, 20_000, 33_000, 40_000, 40_448])
      await expect(open(one.subarray(0, length))).rejects.toMatchObject({
        code: "ERR_TSRUN_ARCHIVE_INVALID",
        message: expect.stringContaining("truncated"),
      });
    (await open(one.subarray(0, 512 + 40_448)))[Symbol.dispose]();
  });

  test("neither its names nor what its links lead to may be of any length", async () => {
    const long = "x".repeat(5000);
    for (const entry of [
      { name: "short", pax: { path: long } },
      { name: "link", type: "2", pax: { linkpath: long } },
      { name: "link", type: "1", pax: { linkpath: long } },
    ])
      await expect(open(tar(entry))).rejects.toMatchObject({
        code: "ERR_TSRUN_ARCHIVE_INVALID",
        message: expect.stringContaining("a name of 5000 bytes"),
      });
  });

  test("all its names together may have 64 MiB", async () => {
    const linkpath = "d".repeat(4090);
    const links = Array.from({ length: 16_500 }, (_, i) =>
      tarEntry({ name: `${i}`, type: "1", pax: { linkpath } }),
    );
    (await open(tar(...links.slice(0, 16_000))))[Symbol.dispose]();
    await expect(open(tar(...links))).rejects.toMatchObject({
      code: "ERR_TSRUN_ARCHIVE_INVALID",
      message: expect.stringContaining("names have more than 67108864 bytes"),
    });
  }, 30_000);
});

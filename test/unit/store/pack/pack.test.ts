import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { O_PATH } from "../../../../src/kernel/openat2.ts";
import { type PackOptions, packTree } from "../../../../src/store/pack/pack.ts";
import { type TarEntry, TarReader } from "../../../../src/store/unpack/tar-reader.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-pack-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function packed(options: Partial<PackOptions> = {}): Promise<Buffer> {
  const fd = openSync(directory, O_PATH);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of packTree(fd, { name: "", ...options })) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    closeSync(fd);
  }
}

function entries(archive: Buffer): (Pick<TarEntry, "name" | "type" | "linkname"> & { data: string })[] {
  const list: (Pick<TarEntry, "name" | "type" | "linkname"> & { data: string })[] = [];
  const reader = new TarReader({
    entry: ({ name, type, linkname }) => void list.push({ name, type, linkname, data: "" }),
    data(chunk, start, end) {
      const last = list.at(-1);
      if (last) last.data += chunk.toString("latin1", start, end);
    },
    end() {},
  });
  reader.push(archive);
  reader.finish();
  return list;
}

const names = (archive: Buffer): string[] => entries(archive).map(({ name }) => name);

describe("packTree", () => {
  it("lists what is there, sorted by bytes, directories before what is in them", async () => {
    mkdirSync(join(directory, "b"));
    for (const name of ["b/x", "a", "b.txt", "B"]) writeFileSync(join(directory, name), name);
    symlinkSync("nowhere", join(directory, "link"));
    const archive = await packed();
    expect(names(archive)).toEqual(["./", "B", "a", "b/", "b/x", "b.txt", "link"]);
    expect(entries(archive).find(({ name }) => name === "link")).toMatchObject({
      type: "symlink",
      linkname: "nowhere",
    });
  });

  it("names everything after the root that it is given", async () => {
    writeFileSync(join(directory, "x"), "");
    expect(names(await packed({ name: "new" }))).toEqual(["new/", "new/x"]);
    expect(names(await packed({ name: "." }))).toEqual(["./", "./x"]);
  });

  it("packs files of every size whole", async () => {
    const sizes = [0, 1, 511, 512, 513, 64 * 1024, 64 * 1024 + 1, 700_001];
    for (const size of sizes) writeFileSync(join(directory, `f${size}`), "x".repeat(size));
    const found = entries(await packed()).filter(({ type }) => type === "file");
    expect(found.map(({ name, data }) => [name, data.length])).toEqual(
      sizes.map((size) => [`f${size}`, size]).sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
    );
  });

  it("packs a file of several names once", async () => {
    writeFileSync(join(directory, "one"), "content");
    linkSync(join(directory, "one"), join(directory, "two"));
    expect(entries(await packed({ name: "d" })).slice(1)).toEqual([
      { name: "d/one", type: "file", linkname: "", data: "content" },
      { name: "d/two", type: "hardlink", linkname: "d/one", data: "" },
    ]);
  });

  it("reads a file of the kernel's that calls itself empty", async () => {
    const fd = openSync("/proc/version", O_PATH);
    const chunks: Buffer[] = [];
    for await (const chunk of packTree(fd, { name: "version" })) chunks.push(chunk);
    closeSync(fd);
    expect(entries(Buffer.concat(chunks))[0]?.data).toMatch(/^Linux version /);
  });

  it("leaves sockets out, and what it is told to", async () => {
    const server = createServer().listen(join(directory, "socket"));
    mkdirSync(join(directory, "out"));
    for (const name of ["out/x", "in"]) writeFileSync(join(directory, name), "");
    expect(names(await packed({ omits: (path) => path === "out" }))).toEqual(["./", "in"]);
    server.close();
  });

  it("is the same for the same tree", async () => {
    writeFileSync(join(directory, "a"), "1");
    utimesSync(join(directory, "a"), 1, 1);
    const first = await packed();
    utimesSync(join(directory, "a"), 99, 1); // who looked last is not told
    expect(await packed()).toEqual(first);
  });

  it("ends when it is aborted", async () => {
    for (let i = 0; i < 20; i++) writeFileSync(join(directory, `f${i}`), "x".repeat(100_000));
    const controller = new AbortController();
    const fd = openSync(directory, O_PATH);
    const archive = packTree(fd, { name: "", signal: controller.signal });
    await archive.next();
    controller.abort(new Error("enough"));
    const rest = (async () => {
      for await (const _ of archive);
    })();
    await expect(rest).rejects.toThrow("enough");
    closeSync(fd);
  });
});

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lutimes, mknod, S_IFBLK, S_IFCHR, S_IFIFO } from "../../src/kernel/files.ts";
import { getXattr, setXattr } from "../../src/kernel/xattr.ts";
import { hasBlob, readBlob } from "../../src/store/blobs.ts";
import { removeUnreferenced } from "../../src/store/collect.ts";
import { digestOf } from "../../src/store/digest.ts";
import { ingestLayer } from "../../src/store/ingest.ts";
import { commitLayers, hasLayer, layerDocument, layerInfo, layerPath } from "../../src/store/layers.ts";
import { blobsDir, layersDir, locksDir, type Paths, tmpDir } from "../../src/store/paths.ts";
import { readFileInLayers } from "../../src/store/resolve.ts";
import { inventory } from "../support/inventory.ts";
import { type TarFields, tar } from "../unit/store/tar-builder.ts";

let folder: string;
let paths: Paths;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "layers-"));
  paths = { root: join(folder, "root"), run: join(folder, "run") };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function* pieces(bytes: Buffer, size = 60_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Ingests an archive, compressed as given; returns the layer's directory. */
async function ingest(archive: Buffer, blob: Buffer = gzipSync(archive, { level: 1 })): Promise<string> {
  const diffId = digestOf(archive);
  await ingestLayer(paths, {
    source: pieces(blob),
    digest: digestOf(blob),
    size: blob.length,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    diffId,
  });
  return layerPath(paths, diffId);
}

const layer = (...entries: TarFields[]) => ingest(tar(...entries));
const list = (path: string) => (existsSync(path) ? readdirSync(path) : []);

/** A tree with one of everything that a layer can hold. */
function furnish(root: string): void {
  const at = (name: string) => join(root, name);
  mkdirSync(at("etc/deep/er"), { recursive: true });
  writeFileSync(at("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(at("empty"), "");
  writeFileSync(at("large"), Buffer.alloc(3_000_001, "large file "));
  linkSync(at("etc/passwd"), at("etc/passwd-"));
  symlinkSync("etc/passwd", at("relative"));
  symlinkSync("/etc/passwd", at("absolute"));
  symlinkSync("gone", at("dangling"));
  linkSync(at("dangling"), at("dangling-too"));
  mknod(at("null"), S_IFCHR | 0o666, { major: 1, minor: 3 });
  mknod(at("disk"), S_IFBLK | 0o660, { major: 259, minor: 300 });
  mknod(at("fifo"), S_IFIFO | 0o640, { major: 0, minor: 0 });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x63, 0xe9, 0xff])]), "not UTF-8");
  writeFileSync(at("\u00fcml\u00e4ut \n newline"), "UTF-8");
  const long = "a-directory-with-a-rather-long-name/".repeat(8);
  mkdirSync(at(long), { recursive: true });
  writeFileSync(at(`${long}${"n".repeat(200)}`), "long name");
  symlinkSync("t".repeat(300), at("long-target"));
  writeFileSync(at("su"), "#!");
  for (const [index, name] of ["su", "etc/passwd", "relative", "null", "fifo", "etc/deep"].entries()) {
    lchownSync(at(name), 1000 + index, 3_000_000 + index);
  }
  chmodSync(at("null"), 0o666);
  chmodSync(at("su"), 0o6755);
  chmodSync(at("etc/deep"), 0o3777);
  chmodSync(at("etc/deep/er"), 0o555);
  setXattr(at("su"), "user.note", Buffer.from([0, 10, 61, 255]));
  // cap_net_raw=ep, as the kernel stores it (<linux/capability.h>, vfs_cap_data).
  setXattr(
    at("empty"),
    "security.capability",
    Buffer.from("0100000200200000000000000000000000000000", "hex"),
  );
  setXattr(at("etc/deep"), "user.on.a.directory", Buffer.from("yes"));
  const fd = openSync(at("sparse"), "w");
  writeSync(fd, "begin", 0);
  writeSync(fd, "middle", 5_000_000);
  for (let i = 0; i < 40; i++) writeSync(fd, "x", 6_000_000 + i * 100_000);
  writeSync(fd, "end", 30_000_000);
  closeSync(fd);
  let n = 0;
  for (const name of Object.keys(inventory(root)).reverse()) {
    const time = { seconds: 1_000_000_000 + n, nanoseconds: 123_456_789 };
    lutimes(Buffer.from(`${root}/${name}`, "latin1"), time, time);
    n += 1;
  }
  const old = { seconds: -100, nanoseconds: 5 };
  lutimes(at("empty"), old, old);
}

describe("what GNU tar packs is unpacked as it was", () => {
  const posix = ["--format=posix", "--xattrs", "--xattrs-include=*"];
  test.each([
    ["posix", [...posix]],
    ["posix, sparse 1.0", [...posix, "--sparse"]],
    ["posix, sparse 0.1", [...posix, "--sparse", "--sparse-version=0.1"]],
    ["posix, sparse 0.0", [...posix, "--sparse", "--sparse-version=0.0"]],
  ])("%s", async (_, options) => {
    const source = join(folder, "source");
    mkdirSync(source);
    furnish(source);
    const archive = execFileSync("tar", [...options, "-C", source, "-cf", "-", "."], { maxBuffer: 1e9 });
    const unpacked = await ingest(archive);
    expect(inventory(unpacked)).toEqual(inventory(source));
    if (options.includes("--sparse"))
      expect(lstatSync(join(unpacked, "sparse")).blocks * 512).toBeLessThan(1e6);
  });

  test("GNU's own format, which knows whole seconds and no attributes", async () => {
    const source = join(folder, "source");
    mkdirSync(source);
    furnish(source);
    const archive = execFileSync("tar", ["--format=gnu", "--sparse", "-C", source, "-cf", "-", "."], {
      maxBuffer: 1e9,
    });
    const coarse = (root: string) =>
      Object.entries(inventory(root)).map(
        ([name, { mtime, xattrs, ...rest }]: [string, { mtime?: bigint; xattrs?: object }]) => [
          name,
          { ...rest, mtime: mtime && mtime - (((mtime % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n) },
        ],
      );
    expect(coarse(await ingest(archive))).toEqual(coarse(source));
  });

  test.each([
    ["no compression", (archive: Buffer) => archive],
    [
      "gzip of several members",
      (archive: Buffer) =>
        Buffer.concat([gzipSync(archive.subarray(0, 999_999)), gzipSync(archive.subarray(999_999))]),
    ],
    [
      "zstd of several frames",
      (archive: Buffer) =>
        Buffer.concat([
          zstdCompressSync(archive.subarray(0, 999_999)),
          zstdCompressSync(archive.subarray(999_999)),
        ]),
    ],
  ])("with %s", async (_, compress) => {
    const source = join(folder, "source");
    mkdirSync(source);
    furnish(source);
    const archive = execFileSync("tar", [...posix, "-C", source, "-cf", "-", "."], { maxBuffer: 1e9 });
    expect(inventory(await ingest(archive, compress(archive)))).toEqual(inventory(source));
  });
});

describe("whiteouts", () => {
  const isWhiteout = (path: string) => {
    const stat = lstatSync(path);
    return stat.isCharacterDevice() && stat.rdev === 0;
  };
  const isOpaque = (path: string) => getXattr(path, "trusted.overlay.opaque")?.toString() === "y";

  test("a whiteout is a device 0:0, an opaque directory has overlayfs's attribute", async () => {
    const root = await layer(
      { name: "etc/", type: "5", mode: 0o755 },
      { name: "etc/.wh.passwd" },
      { name: "var/cache/.wh..wh..opq" },
      { name: "var/cache/new", data: "new" },
      { name: ".wh..wh.plnk/", type: "5" },
      { name: ".wh..wh.plnk/1.2", data: "aufs" },
    );
    expect(isWhiteout(join(root, "etc/passwd"))).toBe(true);
    expect(isOpaque(join(root, "var/cache"))).toBe(true);
    expect(isOpaque(join(root, "etc"))).toBe(false);
    expect(list(root).sort()).toEqual(["etc", "var"]);
    expect(lstatSync(join(root, "var")).mode & 0o7777).toBe(0o755);
  });

  test("a layer's own files stay, what they replace is hidden", async () => {
    const root = await layer(
      { name: "file", data: "stays" },
      { name: ".wh.file" },
      { name: ".wh.later" },
      { name: "later", data: "stays too" },
      { name: "before/x" },
      { name: ".wh.before" },
      { name: ".wh.after" },
      { name: "after/", type: "5", mode: 0o700 },
      { name: ".wh.implied" },
      { name: "implied/x" },
    );
    expect(readFileSync(join(root, "file"), "utf8")).toBe("stays");
    expect(readFileSync(join(root, "later"), "utf8")).toBe("stays too");
    for (const name of ["before", "after", "implied"]) expect(isOpaque(join(root, name)), name).toBe(true);
  });

  test("overlayfs and the host's own lookup see the same", async () => {
    const lower = await layer(
      { name: "etc/passwd", data: "lower" },
      { name: "etc/group", data: "group" },
      { name: "cache/old", data: "old" },
      { name: "dir/f", data: "f" },
    );
    const upper = await layer(
      { name: "etc/.wh.passwd" },
      { name: "cache/.wh..wh..opq" },
      { name: "cache/new", data: "new" },
      { name: ".wh.dir" },
    );
    const merged = join(folder, "merged");
    mkdirSync(merged);
    const files = ["etc/passwd", "etc/group", "cache/old", "cache/new", "dir/f"];
    const script = `mount -t overlay overlay -o lowerdir=${upper}:${lower} ${merged} && cd ${merged} && ls ${files.join(" ")} 2>/dev/null`;
    const seen = spawn("unshare", ["-m", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    seen.stdout.on("data", (text) => {
      out += text;
    });
    await once(seen, "close");
    expect(out.trim().split("\n").sort()).toEqual(["cache/new", "etc/group"]);
    expect(files.filter((name) => readFileInLayers([upper, lower], name, 100) !== undefined).sort()).toEqual([
      "cache/new",
      "etc/group",
    ]);
  });
});

describe("several entries of one name: the last one counts", () => {
  test("of every kind", async () => {
    const root = await layer(
      { name: "file", data: "first and longer" },
      { name: "kept", type: "1", linkname: "file" },
      { name: "file", data: "second", mode: 0o600 },
      { name: "link", type: "2", linkname: "/etc/passwd" },
      { name: "link", data: "now a file" },
      { name: "dir/sub/f", data: "gone" },
      { name: "dir", data: "now a file" },
      { name: "was-file", data: "x" },
      { name: "was-file/", type: "5", mode: 0o711 },
      { name: "was-file/inside", data: "in" },
      { name: "d/", type: "5", mode: 0o700 },
      { name: "d/stays", data: "s" },
      { name: "d/", type: "5", mode: 0o751 },
      { name: "self", data: "self" },
      { name: "self", type: "1", linkname: "./self" },
    );
    const text = (name: string) => readFileSync(join(root, name), "utf8");
    expect(text("file")).toBe("second");
    expect(text("kept")).toBe("first and longer");
    expect(lstatSync(join(root, "file")).mode & 0o777).toBe(0o600);
    expect(text("link")).toBe("now a file");
    expect(text("dir")).toBe("now a file");
    expect(text("was-file/inside")).toBe("in");
    expect(text("d/stays")).toBe("s");
    expect(lstatSync(join(root, "d")).mode & 0o777).toBe(0o751);
    expect(text("self")).toBe("self");
  });

  test("a directory that comes back after its parent was replaced is made again", async () => {
    const root = await layer(
      { name: "a/b/c/f", data: "old" },
      { name: "a/b", data: "a file for a moment" },
      { name: "a/b/", type: "5", mode: 0o755 },
      { name: "a/b/c/g", data: "new" },
    );
    expect(list(join(root, "a/b/c"))).toEqual(["g"]);
  });
});

test("the root's own entry, directories nobody described, an empty layer", async () => {
  const root = await layer(
    { name: "./", type: "5", mode: 0o1777, uid: 7, gid: 8, mtime: 1000 },
    { name: "a/b/c" },
  );
  expect(lstatSync(root)).toMatchObject({ uid: 7, gid: 8, mtimeMs: 1000_000 });
  expect(lstatSync(root).mode & 0o7777).toBe(0o1777);
  expect(lstatSync(join(root, "a/b"))).toMatchObject({ uid: 0, gid: 0 });
  expect(lstatSync(join(root, "a/b")).mode & 0o7777).toBe(0o755);
  expect(lstatSync(await layer()).mode & 0o7777).toBe(0o755);
});

describe("the store", () => {
  const archive = tar({ name: "hello", data: "hello\n" }, { name: "rand", data: randomText(400_000) });
  const blob = gzipSync(archive);
  const request = (source: AsyncIterable<Uint8Array> = pieces(blob)) => ({
    source,
    digest: digestOf(blob),
    size: blob.length,
    mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    diffId: digestOf(archive),
  });

  test("describes a layer; its blob appears with the commit", async () => {
    let progress = 0;
    const info = await ingestLayer(paths, {
      ...request(),
      onProgress: (bytes) => {
        progress = bytes;
      },
    });
    const { boot, ...lasting } = info;
    expect(lasting).toEqual({
      diffId: digestOf(archive),
      digest: digestOf(blob),
      mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
      compressedSize: blob.length,
      size: 400_006,
      entries: 2,
    });
    expect(progress).toBe(blob.length);
    expect(hasBlob(paths, info.digest)).toBe(false);
    await commitLayers(paths, [info.diffId]);
    expect(layerInfo(paths, info.diffId)).toEqual(lasting);
    expect(readFileSync(join(blobsDir(paths), info.digest.slice(7))).equals(blob)).toBe(true);
    expect(list(tmpDir(paths))).toEqual([]);
    expect(list(locksDir(paths))).toEqual([]);
    expect(list(layersDir(paths))).toHaveLength(2);
    expect(lstatSync(layersDir(paths)).mode & 0o777).toBe(0o700);
  });

  test("documents of an image get their names with its layers, or by themselves", async () => {
    const { diffId, digest } = await ingestLayer(paths, request());
    const [first, second] = [Buffer.from('{"of": "a layer"}'), Buffer.from('{"of": "none"}')];
    await commitLayers(paths, [diffId], new Map([[digestOf(first), first]]));
    await commitLayers(paths, [diffId], new Map([[digestOf(second), second]]));
    expect(readBlob(paths, digestOf(first))).toEqual(first);
    expect(readBlob(paths, digestOf(second))).toEqual(second);
    expect(list(blobsDir(paths)).sort()).toEqual(
      [digest, digestOf(first), digestOf(second)].map((name) => name.slice(7)).sort(),
    );
  });

  test("a document that is not what its digest says keeps the layers from being committed", async () => {
    const { diffId, digest } = await ingestLayer(paths, request());
    const right = Buffer.from("right");
    const documents = new Map([
      [digestOf(right), right],
      [digestOf(Buffer.from("wrong")), Buffer.from("something else")],
    ]);
    await expect(commitLayers(paths, [diffId], documents)).rejects.toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_DIGEST_MISMATCH" }),
    );
    expect(layerInfo(paths, diffId)?.boot).toBeDefined();
    expect(list(blobsDir(paths))).toEqual([`${digest.slice(7)}.pending`]);
  });

  test("a layer of an earlier boot that was never committed counts as missing, and is made anew", async () => {
    const { diffId } = await ingestLayer(paths, request());
    const document = layerDocument(paths, diffId);
    writeFileSync(document, readFileSync(document, "utf8").replace(/"boot": "[^"]*"/, '"boot": "earlier"'));
    writeFileSync(join(layerPath(paths, diffId), "hello"), "torn");
    expect(hasLayer(paths, diffId)).toBe(false);
    await ingestLayer(paths, request());
    expect(readFileSync(join(layerPath(paths, diffId), "hello"), "utf8")).toBe("hello\n");
  });

  test("a layer that is there is not asked for again", async () => {
    await ingestLayer(paths, request());
    async function* never(): AsyncGenerator<Buffer> {
      yield await Promise.reject(new Error("asked for"));
    }
    expect((await ingestLayer(paths, request(never()))).entries).toBe(2);
  });

  test("ingested twice at once, both succeed and one downloads", async () => {
    let downloads = 0;
    async function* counted(): AsyncGenerator<Buffer> {
      downloads += 1;
      yield* pieces(blob, 5000);
    }
    const [a, b] = await Promise.all([
      ingestLayer(paths, request(counted())),
      ingestLayer(paths, request(counted())),
    ]);
    expect(a).toEqual(b);
    expect(downloads).toBe(1);
  });

  test("by two processes at once, both succeed", async () => {
    const file = join(folder, "blob");
    writeFileSync(file, blob);
    const codes = await Promise.all(
      [ingestingProcess(file), ingestingProcess(file)].map(async (p) => (await once(p, "exit"))[0]),
    );
    expect(codes).toEqual([0, 0]);
    expect(hasLayer(paths, digestOf(archive))).toBe(true);
    expect(list(tmpDir(paths))).toEqual([]);
  });

  test("a process killed in the middle leaves nothing that is seen, or stays", async () => {
    const file = join(folder, "blob");
    writeFileSync(file, blob);
    const child = ingestingProcess(file, blob.length - 100);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    expect(list(tmpDir(paths))).toHaveLength(1);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(hasLayer(paths, digestOf(archive))).toBe(false);
    expect(list(layersDir(paths))).toEqual([]);
    await removeUnreferenced(paths, () => []);
    expect(list(tmpDir(paths))).toEqual([]);
    expect((await ingestLayer(paths, request())).entries).toBe(2);
  });

  test("an error of the source reaches the caller, and nothing is left", async () => {
    const failure = new Error("connection reset");
    async function* failing(): AsyncGenerator<Buffer> {
      yield blob.subarray(0, 150_000);
      throw failure;
    }
    await expect(ingestLayer(paths, request(failing()))).rejects.toBe(failure);
    expect(list(tmpDir(paths))).toEqual([]);
  });

  test("an aborted signal ends it", async () => {
    const controller = new AbortController();
    async function* slow(): AsyncGenerator<Buffer> {
      yield blob.subarray(0, 150_000);
      controller.abort(new Error("enough"));
      yield blob.subarray(150_000);
    }
    const ingesting = ingestLayer(paths, { ...request(slow()), signal: controller.signal });
    await expect(ingesting).rejects.toThrow("enough");
    expect(list(tmpDir(paths))).toEqual([]);
  });

  /** A process that ingests the blob in `file`; given a number of bytes, it stops there and prints a line. */
  function ingestingProcess(file: string, stopAt?: number) {
    const ingestModule = new URL("../../src/store/ingest.ts", import.meta.url).href;
    const { source: _, ...rest } = request();
    const script = `
      import { readFileSync } from "node:fs";
      import { setTimeout } from "node:timers/promises";
      import { ingestLayer } from ${JSON.stringify(ingestModule)};
      async function* source() {
        const blob = readFileSync(${JSON.stringify(file)});
        yield blob.subarray(0, ${stopAt ?? blob.length});
        if (${stopAt !== undefined}) { await setTimeout(300); console.log("stopped"); await setTimeout(60_000); }
      }
      await ingestLayer(${JSON.stringify(paths)}, { ...${JSON.stringify(rest)}, source: source() });`;
    return spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }
});

/** Text that does not compress to nothing, so that the layer takes the way through a worker thread. */
function randomText(length: number): string {
  let text = "";
  let state = 1;
  while (text.length < length) {
    state = (state * 48271) % 2147483647;
    text += state.toString(36);
  }
  return text.slice(0, length);
}

/** A layer held against its blob: what was unpacked is found as it should be, and every change of it is found. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { mknod, S_IFCHR, S_IFIFO } from "../../src/kernel/files.ts";
import { removeXattr, setXattr } from "../../src/kernel/xattr.ts";
import { blobPath } from "../../src/store/blobs.ts";
import { type Verified, verifyLayer } from "../../src/store/check/verify-layer.ts";
import { digestOf } from "../../src/store/digest.ts";
import { ingestLayer } from "../../src/store/ingest.ts";
import { commitLayers, type LayerInfo, layerInfo, layerPath } from "../../src/store/layers.ts";
import type { Paths } from "../../src/store/paths.ts";
import { type TarFields, tar } from "../unit/store/tar-builder.ts";

const folder = mkdtempSync(join(tmpdir(), "verify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
let paths: Paths;
beforeEach(() => {
  const own = join(folder, String(count++));
  paths = { root: join(own, "root"), run: join(own, "run") };
});

/** Takes an archive into the store; returns its diff id. */
async function ingest(archive: Buffer, blob: Buffer = gzipSync(archive, { level: 1 })): Promise<string> {
  const diffId = digestOf(archive);
  await ingestLayer(paths, {
    source: (async function* () {
      yield blob;
    })(),
    digest: digestOf(blob),
    size: blob.length,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    diffId,
  });
  await commitLayers(paths, [diffId]);
  return diffId;
}

async function verify(diffId: string): Promise<Verified> {
  const { digest, droppedXattrs = [] } = layerInfo(paths, diffId) as LayerInfo;
  const layer = { tree: layerPath(paths, diffId), diffId, droppedXattrs };
  return verifyLayer({ blob: blobPath(paths, digest), digest, layer }, () => {});
}

const SOUND: Verified = { blobFault: undefined, differences: { count: 0, first: [] } };

/** A tree with one of everything, as an archive of the host's tar. */
function everything(): Buffer {
  const root = join(folder, `tree-${count}`);
  const at = (name: string) => join(root, name);
  mkdirSync(at("etc/deep"), { recursive: true });
  writeFileSync(at("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(at("large"), Buffer.alloc(3_000_001, "large file "));
  writeFileSync(at("empty"), "");
  linkSync(at("etc/passwd"), at("etc/passwd-"));
  symlinkSync("etc/passwd", at("link"));
  mknod(at("null"), S_IFCHR | 0o666, { major: 1, minor: 3 });
  mknod(at("fifo"), S_IFIFO | 0o640, { major: 0, minor: 0 });
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x63, 0xe9, 0xff])]), "not UTF-8");
  writeFileSync(at("su"), "#!");
  lchownSync(at("su"), 1000, 3_000_000);
  chmodSync(at("su"), 0o6755);
  setXattr(at("su"), "user.note", Buffer.from([0, 10, 61, 255]));
  const fd = openSync(at("sparse"), "w");
  writeSync(fd, "begin", 0);
  writeSync(fd, "end", 30_000_000);
  closeSync(fd);
  const options = ["--format=posix", "--sparse", "--xattrs", "--xattrs-include=*", "--numeric-owner"];
  return execFileSync("tar", [...options, "-C", root, "-cf", "-", "."], { maxBuffer: 64 * 1024 * 1024 });
}

describe("what was unpacked", () => {
  test("is found as it should be, however it is compressed", async () => {
    const archive = everything();
    for (const blob of [archive, gzipSync(archive), zstdCompressSync(archive)]) {
      expect(await verify(await ingest(archive, blob))).toEqual(SOUND);
      rmSync(paths.root, { recursive: true });
    }
  });

  test.each<[string, TarFields[]]>([
    ["directories that no entry names", [{ name: "a/b/c", data: "x" }]],
    ["whiteouts", [{ name: ".wh.gone" }, { name: "d/.wh.gone" }]],
    ["an opaque directory", [{ name: "d/.wh..wh..opq" }, { name: "d/x" }]],
    ["a whiteout of an own directory", [{ name: "d/x" }, { name: ".wh.d" }]],
    ["a whiteout, then a directory there", [{ name: ".wh.d" }, { name: "d/", type: "5", mode: 0o755 }]],
    ["a whiteout, then something below it", [{ name: ".wh.d" }, { name: "d/x" }]],
    ["bookkeeping of aufs", [{ name: ".wh..wh.plnk" }, { name: "x" }]],
    [
      "a name twice",
      [
        { name: "x", data: "old" },
        { name: "x", data: "newer", mode: 0o600 },
      ],
    ],
    ["a directory that becomes a file", [{ name: "d/x" }, { name: "d", data: "file" }]],
    [
      "a file that becomes a directory",
      [
        { name: "d", data: "file" },
        { name: "d/", type: "5", mode: 0o700 },
      ],
    ],
    [
      "a hard link whose first name is replaced",
      [
        { name: "a", data: "one" },
        { name: "b", type: "1", linkname: "a" },
        { name: "a", data: "two" },
      ],
    ],
    [
      "a hard link to itself, and one of a link",
      [
        { name: "a", type: "2", linkname: "x" },
        { name: "a", type: "1", linkname: "a" },
        { name: "b", type: "1", linkname: "a" },
      ],
    ],
    [
      "names of a file below a directory that goes",
      [
        { name: "d/a", data: "x" },
        { name: "b", type: "1", linkname: "d/a" },
        { name: "d", data: "" },
      ],
    ],
  ])("with %s", async (_, entries) => {
    expect(await verify(await ingest(tar(...entries)))).toEqual(SOUND);
  });

  test("of random entries, which the unpacking reads as the check does", async () => {
    const seed = Number(process.env.TSRUN_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31)) | 1;
    let state = seed;
    const random = (below: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    const name = (): string =>
      Array.from(
        { length: 1 + random(3) },
        () => ["a", "b", "c", ".wh.a", ".wh..wh..opq"][random(20) < 18 ? random(3) : 3 + random(2)],
      ).join("/");
    let taken = 0;
    for (let round = 0; round < 300; round++) {
      const entries = Array.from({ length: 1 + random(8) }, (): TarFields => {
        const type = ["0", "0", "5", "2", "1", "6", "3"][random(7)] as string;
        const common = {
          name: name(),
          type,
          mode: 0o600 + random(0o200),
          uid: random(3),
          mtime: random(1000),
        };
        if (type === "0") return { ...common, data: "x".repeat(random(3000)) };
        if (type === "5") return { ...common, name: `${common.name}/` };
        if (type === "3") return { ...common, major: 1, minor: 1 + random(5) };
        return { ...common, linkname: name() };
      });
      const archive = tar(...entries);
      const diffId = await ingest(archive).catch((error: { code?: string }) => error.code);
      if (!diffId?.startsWith("sha256:")) continue;
      taken += 1;
      const words = `seed ${seed}, round ${round}: ${JSON.stringify(entries.map(({ name, type, linkname }) => [type, name, linkname]))}`;
      expect(await verify(diffId), words).toEqual(SOUND);
    }
    expect(taken).toBeGreaterThan(50);
  });
});

describe("what has changed since", () => {
  const own = (root: string, name: string): string => join(root, name);
  test.each<[string, (root: string) => void, RegExp]>([
    ["a mode", (root) => chmodSync(own(root, "su"), 0o755), /"\/su" has the mode 0755, not 06755/],
    [
      "an owner",
      (root) => lchownSync(own(root, "su"), 0, 0),
      /"\/su" belongs to 0:0, not to 1000:3000000|mode/,
    ],
    ["the owner of a link", (root) => lchownSync(own(root, "link"), 5, 0), /"\/link" belongs to 5:0/],
    ["a size", (root) => appendFileSync(own(root, "empty"), "x"), /"\/empty" (has 1 bytes|was modified)/],
    [
      "content alone",
      (root) => patch(own(root, "large"), 2_000_000),
      /"\/large" has other content than the archive/,
    ],
    [
      "the data of a sparse file",
      (root) => patch(own(root, "sparse"), 30_000_001),
      /"\/sparse" has other content/,
    ],
    [
      "a file's time",
      (root) => utimesSync(own(root, "empty"), 1, 1),
      /"\/empty" was modified at another time/,
    ],
    ["a file that is gone", (root) => unlinkSync(own(root, "empty")), /"\/empty" is missing/],
    [
      "one name of two",
      (root) => unlinkSync(own(root, "etc/passwd-")),
      /"\/etc\/passwd-" is missing|has 1 links/,
    ],
    ["a file more", (root) => writeFileSync(own(root, "etc/new"), ""), /"\/etc\/new" does not belong there/],
    ["a hard link that is a copy", copied, /links, not 2|is not a hard link/],
    ["a link's target", (root) => relink(own(root, "link"), "etc/shadow"), /"\/link" leads to "etc\/shadow"/],
    ["another type", (root) => relink(own(root, "fifo"), "x"), /"\/fifo" is a symlink, not a fifo/],
    ["another device", redevice, /"\/null" is not the device 1:3/],
    [
      "an attribute less",
      (root) => removeXattr(own(root, "su"), "user.note"),
      /"\/su" has not the extended attribute user.note/,
    ],
    ["an attribute more", (root) => setXattr(own(root, "empty"), "user.new", Buffer.from("x")), /user.new/],
    [
      "an opaque mark",
      (root) => setXattr(own(root, "etc"), "trusted.overlay.opaque", Buffer.from("y")),
      /"\/etc" has not the extended attribute trusted.overlay.opaque/,
    ],
  ])("%s", async (_, change, words) => {
    const diffId = await ingest(everything());
    change(layerPath(paths, diffId));
    const { blobFault, differences } = await verify(diffId);
    expect(blobFault).toBeUndefined();
    expect(differences?.first.join("\n")).toMatch(words);
  });

  test("more than are named are counted", async () => {
    const diffId = await ingest(tar(...Array.from({ length: 30 }, (_, i) => ({ name: `f${i}` }))));
    for (let i = 0; i < 30; i++) chmodSync(join(layerPath(paths, diffId), `f${i}`), 0o600);
    const { differences } = await verify(diffId);
    expect(differences).toMatchObject({ count: 30 });
    expect(differences?.first).toHaveLength(10);
  });

  test("the blob: then the directory is not judged", async () => {
    const diffId = await ingest(everything());
    const { digest } = layerInfo(paths, diffId) as LayerInfo;
    for (const at of [3, 500, readFileSync(blobPath(paths, digest)).length - 1]) {
      patch(blobPath(paths, digest), at);
      const { blobFault, differences } = await verify(diffId);
      expect(blobFault).toMatch(/^its content has the digest sha256:[0-9a-f]{64}$/);
      expect(differences).toBeUndefined();
    }
  });

  test("a blob that is gone", async () => {
    const diffId = await ingest(everything());
    const { digest } = layerInfo(paths, diffId) as LayerInfo;
    rmSync(blobPath(paths, digest));
    expect((await verify(diffId)).blobFault).toContain("ENOENT");
  });
});

/** Changes one byte, and no time. */
function patch(path: string, at: number): void {
  const bytes = readFileSync(path);
  const times = execFileSync("stat", ["-c", "%.9X %.9Y", path], { encoding: "utf8" }).split(" ").map(Number);
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.from([(bytes[at] as number) ^ 1]), 0, 1, at);
  closeSync(fd);
  utimesSync(path, times[0] as number, times[1] as number);
}

function relink(path: string, target: string): void {
  unlinkSync(path);
  symlinkSync(target, path);
}

function copied(root: string): void {
  execFileSync("cp", ["-a", "--remove-destination", join(root, "etc/passwd"), join(root, "etc/passwd-")]);
}

function redevice(root: string): void {
  unlinkSync(join(root, "null"));
  mknod(join(root, "null"), S_IFCHR | 0o666, { major: 1, minor: 5 });
}

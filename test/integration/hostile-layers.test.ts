import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf } from "../../src/store/digest.ts";
import { type IngestRequest, ingestLayer } from "../../src/store/ingest.ts";
import { hasLayer } from "../../src/store/layers.ts";
import { blobsDir, layersDir, type Paths, tmpDir } from "../../src/store/paths.ts";
import { type TarFields, tar, tarEntry } from "../unit/store/tar-builder.ts";

let folder: string;
let paths: Paths;
/** A directory of the host, with a file in it, that the layers try to reach. */
let outside: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
  paths = { root: join(folder, "root"), run: join(folder, "run") };
  outside = join(folder, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "victim"), "untouched", { mode: 0o600 });
});

/** Whatever a test did: the host is as it was, and the store shows and keeps nothing. */
afterEach(() => {
  expect(readdirSync(outside)).toEqual(["victim"]);
  expect(readFileSync(join(outside, "victim"), "utf8")).toBe("untouched");
  expect(statSync(join(outside, "victim"))).toMatchObject({ mode: 0o100600, uid: 0, gid: 0, nlink: 1 });
  expect(statSync(outside).nlink).toBe(2);
  for (const directory of [layersDir(paths), blobsDir(paths), tmpDir(paths)]) {
    expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
  }
  expect(
    readdirSync(folder)
      .sort()
      .filter((name) => name !== "run"),
  ).toEqual(["outside", "root"]);
  rmSync(folder, { recursive: true });
});

async function* pieces(bytes: Buffer, size = 50_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Ingests a blob; the request is right for it but for what is overridden. */
async function ingest(
  archive: Buffer,
  override: Partial<IngestRequest> & { blob?: Buffer } = {},
): Promise<void> {
  const { blob = gzipSync(archive), ...rest } = override;
  const request = {
    source: pieces(blob),
    digest: digestOf(blob),
    size: blob.length,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    diffId: digestOf(archive),
    ...rest,
  };
  try {
    await ingestLayer(paths, request);
  } finally {
    expect(hasLayer(paths, request.diffId)).toBe(false);
  }
}

const error = (code: string, message: RegExp) => ({
  code: `ERR_TSRUN_${code}`,
  message: expect.stringMatching(message),
});

describe("refused, with the entry and the reason", () => {
  const link = (name: string, to: string): TarFields => ({ name, type: "2", linkname: to });
  const cases: [string, (out: string) => TarFields[], RegExp][] = [
    ["an absolute name", (out) => [{ name: `${out}/pwned` }], /pwned" refused: its name is absolute/],
    [
      "a name that climbs out",
      () => [{ name: "../outside/pwned" }],
      /"\.\.\/outside\/pwned" refused: .*".."/,
    ],
    ["one that climbs out later", () => [{ name: "a/b/../../../outside/pwned" }], /".." component/],
    [
      "a PAX name that climbs out",
      () => [{ name: "fine", pax: { path: "../pwned" } }],
      /"..\/pwned" refused/,
    ],
    ["a PAX name with a NUL", () => [{ name: "fine", pax: { path: "a\0b" } }], /NUL/],
    ["a directory that is ..", () => [{ name: "..", type: "5" }], /".." component/],
    [
      "writing through an absolute link",
      (out) => [link("l", out), { name: "l/pwned" }],
      /"l\/pwned" refused: .* through "l", which is a symbolic link/,
    ],
    [
      "writing through a relative link",
      () => [link("l", "../../../../outside"), { name: "l/pwned" }],
      /symbolic link/,
    ],
    [
      "writing through a chain of links",
      (out) => [link("a", out), link("d/b", "../a"), { name: "d/b/pwned" }],
      /symbolic link/,
    ],
    [
      "a directory through a link",
      (out) => [link("l", out), { name: "l/pwned/", type: "5" }],
      /symbolic link/,
    ],
    ["a link through a link", (out) => [link("l", out), link("l/pwned", "x")], /symbolic link/],
    [
      "a device through a link",
      (out) => [link("l", out), { name: "l/pwned", type: "3", major: 1, minor: 3 }],
      /symbolic link/,
    ],
    ["a whiteout through a link", (out) => [link("l", out), { name: "l/.wh.victim" }], /symbolic link/],
    ["an opaque mark through a link", (out) => [link("l", out), { name: "l/.wh..wh..opq" }], /symbolic link/],
    [
      "a device over a link",
      (out) => [link("l", `${out}/victim`), { name: "l", type: "3", major: 1, minor: 3 }],
      /"l" refused: it is a device .* symbolic link/,
    ],
    [
      "a hard link to the host's file",
      (out) => [{ name: "h", type: "1", linkname: `${out}/victim` }],
      /"h" refused: its link target .*victim" is absolute/,
    ],
    [
      "a hard link that climbs out",
      () => [{ name: "h", type: "1", linkname: "../../../outside/victim" }],
      /".." component/,
    ],
    [
      "a hard link through a link",
      (out) => [link("l", out), { name: "h", type: "1", linkname: "l/victim" }],
      /"h" refused: .* through "l"/,
    ],
    [
      "a hard link to what is not there",
      () => [{ name: "h", type: "1", linkname: "nowhere/x" }],
      /not in the layer/,
    ],
    [
      "a hard link to a directory",
      () => [{ name: "d/x" }, { name: "h", type: "1", linkname: "d" }],
      /directory/,
    ],
    ["a whiteout of ..", () => [{ name: "d/.wh..." }], /whiteout of ".."/],
    ["a whiteout of .", () => [{ name: "d/.wh.." }], /whiteout of "."/],
    ["a whiteout of nothing", () => [{ name: ".wh." }], /whiteout of ""/],
    ["an entry below a whiteout", () => [{ name: ".wh.d/x" }], /below a whiteout/],
    ["an entry below a file", () => [{ name: "f" }, { name: "f/x" }], /"f", which is not a directory/],
    ["an entry below a device", () => [{ name: "f", type: "6" }, { name: "f/x" }], /not a directory/],
    ["a root that is no directory", (out) => [link("./", out)], /root of a layer/],
    [
      "an attribute of overlayfs",
      () => [{ name: "d/", type: "5", pax: { "SCHILY.xattr.trusted.overlay.redirect": "/" } }],
      /overlayfs's own/,
    ],
    [
      "an owner that means none",
      () => [{ name: "f", pax: { uid: "4294967295" } }],
      /4294967295 is not a user/,
    ],
    [
      "a device number that is none",
      () => [{ name: "f", type: "4", major: 70000, minor: 1 }],
      /not a device number/,
    ],
    ["a link to nothing", () => [link("l", "")], /symbolic link to nothing/],
  ];

  test.each(cases)("%s", async (_, entries, message) => {
    const archive = tar({ name: "before", data: "x" }, ...entries(outside), { name: "after" });
    await expect(ingest(archive)).rejects.toMatchObject(error("LAYER_REFUSED", message));
  });

  test("links that only point outside are no harm: nothing is changed through them", async () => {
    // Last of all something that is refused, so that the layer does not stay.
    const archive = tar(
      link("l", `${outside}/victim`),
      { name: "l", data: "replaces the link", mode: 0o777, uid: 5 },
      {
        ...link("m", `${outside}/victim`),
        mode: 0o777,
        uid: 5,
        mtime: 1,
        pax: { "SCHILY.xattr.trusted.x": "y" },
      },
      { name: "n", type: "1", linkname: "m" },
      link("d", outside),
      { name: "d/", type: "5", mode: 0o777 },
      { name: "d/inside", data: "in the layer" },
      { name: "../end" },
    );
    await expect(ingest(archive)).rejects.toMatchObject(error("LAYER_REFUSED", /end/));
  });
});

describe("limits", () => {
  /** A gzip member of 1,000 entries, over and over: small to send, quick to make. */
  async function* manyEntries(times: number): AsyncGenerator<Buffer> {
    const member = thousand();
    for (let i = 0; i < times; i++) yield member;
  }
  const thousand = () =>
    gzipSync(Buffer.concat(Array.from({ length: 1000 }, (_, i) => tarEntry({ name: `d${i}/`, type: "5" }))));
  const zeros = "0".repeat(64);
  const anyDigest = { digest: `sha256:${zeros}`, diffId: `sha256:${zeros}` };

  test("1,000,000 tiny entries", async () => {
    const size = thousand().length * 1000;
    const over = ingest(Buffer.alloc(0), { source: manyEntries(1000), size, ...anyDigest });
    await expect(over).rejects.toMatchObject(error("LAYER_TOO_LARGE", /more than the 999999 entries/));
  });

  test("entries against a limit of the caller's", async () => {
    const archive = tar(...Array.from({ length: 20 }, (_, i) => ({ name: `f${i}` })));
    const over = ingest(archive, { limits: { entries: 20 } });
    await expect(over).rejects.toMatchObject(error("LAYER_TOO_LARGE", /more than the 19 entries/));
  });

  test("a decompression bomb stops at the limit", async () => {
    const megabyte = gzipSync(Buffer.alloc(1024 * 1024));
    const head = gzipSync(tarEntry({ name: "zeros", size: 8_000_000_000 }));
    let sent = 0;
    async function* bomb(): AsyncGenerator<Buffer> {
      yield head;
      for (; sent < 4000; sent++) yield megabyte;
    }
    const size = head.length + 4000 * megabyte.length;
    const exploding = ingest(Buffer.alloc(0), {
      source: bomb(),
      size,
      limits: { bytes: 50e6 },
      ...anyDigest,
    });
    await expect(exploding).rejects.toMatchObject(
      error("LAYER_TOO_LARGE", /decompress to more than the 50000000/),
    );
    // Early: not after the whole bomb, nor with more on the way than the window between the threads allows.
    expect(sent).toBeLessThan(2500);
  });

  test("by default a blob may become 200 times as large, and 1 GiB in any case", async () => {
    const megabyte = gzipSync(Buffer.alloc(1024 * 1024));
    async function* bomb(): AsyncGenerator<Buffer> {
      yield gzipSync(tarEntry({ name: "zeros", size: 8_000_000_000 }));
      for (;;) yield megabyte;
    }
    const exploding = ingest(Buffer.alloc(0), { source: bomb(), size: 2_000_000, ...anyDigest });
    await expect(exploding).rejects.toMatchObject(
      error("LAYER_TOO_LARGE", /more than the 1073741824 allowed/),
    );
  });
});

describe("content that is not what it should be", () => {
  const archive = tar({ name: "a", data: "content" }, { name: "b", data: Buffer.alloc(300_000, "b") });
  const blob = gzipSync(archive);
  const other = `sha256:${"1".repeat(64)}`;

  test("a wrong digest", async () => {
    await expect(ingest(archive, { digest: other })).rejects.toMatchObject(
      error("DIGEST_MISMATCH", /what was received has the digest sha256:.*, not sha256:1111/),
    );
  });

  test("a wrong diff id", async () => {
    await expect(ingest(archive, { diffId: other })).rejects.toMatchObject(
      error("DIGEST_MISMATCH", /its uncompressed form has the digest/),
    );
  });

  test("a truncated gzip, whose digest is right", async () => {
    const half = blob.subarray(0, blob.length - 30);
    await expect(ingest(archive, { blob: half })).rejects.toMatchObject(
      error("LAYER_CORRUPT", /gzip data is damaged or truncated/),
    );
  });

  test("a truncated gzip, whose digest would be that of the whole", async () => {
    const half = pieces(blob.subarray(0, blob.length - 30));
    await expect(ingest(archive, { source: half })).rejects.toMatchObject(
      error("SIZE_MISMATCH", new RegExp(`received ${blob.length - 30} bytes instead of the ${blob.length}`)),
    );
  });

  test("more bytes than announced", async () => {
    const more = pieces(Buffer.concat([blob, blob]));
    await expect(ingest(archive, { source: more })).rejects.toMatchObject(
      error("SIZE_MISMATCH", /more than/),
    );
  });

  test("a damaged byte is a wrong digest, though gzip notices it first", async () => {
    const damaged = Buffer.from(blob);
    damaged.fill(0xaa, 40, 60);
    await expect(ingest(archive, { source: pieces(damaged, 10) })).rejects.toMatchObject(
      error("DIGEST_MISMATCH", /what was received/),
    );
  });

  test("a truncated tar", async () => {
    await expect(ingest(archive.subarray(0, 5000))).rejects.toMatchObject(
      error("LAYER_CORRUPT", /truncated/),
    );
  });

  test("no tar at all", async () => {
    const page = Buffer.from("<html>".repeat(500));
    await expect(ingest(page)).rejects.toMatchObject(error("LAYER_CORRUPT", /not a tar archive/));
  });

  test("what the kernel refuses is told with the entry", async () => {
    const archive = tar({ name: "x", pax: { path: "n".repeat(300) } });
    await expect(ingest(archive)).rejects.toMatchObject(
      error("LAYER_UNPACK", /cannot unpack "nnn.*ENAMETOOLONG/),
    );
  });

  test("through a worker thread the errors are the same", async () => {
    let noise = "";
    for (let i = 1; noise.length < 500_000; i++) noise += ((i * 48271) % 2147483647).toString(36);
    const large = tar({ name: "noise", data: noise }, { name: "/etc/pwned" });
    expect(gzipSync(large).length).toBeGreaterThan(140_000);
    await expect(ingest(large)).rejects.toMatchObject({
      ...error(
        "LAYER_REFUSED",
        /^layer sha256:[0-9a-f]{12}: entry "\/etc\/pwned" refused: its name is absolute$/,
      ),
      hint: expect.stringContaining("do not use this image"),
    });
  });
});

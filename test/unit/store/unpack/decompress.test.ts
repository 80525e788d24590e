import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decompress } from "../../../../src/store/unpack/decompress.ts";

const text = Buffer.from("layer ".repeat(50_000));

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function run(bytes: Buffer, size = 65536): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(pieces(bytes, size))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A frame that holds no data, RFC 8878 section 3.1.2. */
const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from("skip")]);
const zstd = (bytes: Buffer) => zstdCompressSync(bytes);

describe("by what it begins with", () => {
  test.each([
    ["plain", text],
    ["gzip", gzipSync(text)],
    ["gzip of two members", Buffer.concat([gzipSync(text.subarray(0, 1000)), gzipSync(text.subarray(1000))])],
    ["zstd", zstd(text)],
    ["zstd of two frames", Buffer.concat([zstd(text.subarray(0, 1000)), zstd(text.subarray(1000))])],
    [
      "zstd with skippable frames",
      Buffer.concat([
        skippable,
        zstd(text.subarray(0, 9)),
        skippable,
        skippable,
        zstd(text.subarray(9)),
        skippable,
      ]),
    ],
  ])("%s", async (_, bytes) => {
    expect((await run(bytes)).equals(text)).toBe(true);
    // Every boundary of the formats falls between two chunks somewhere.
    expect((await run(bytes, bytes === text ? 1001 : 1)).equals(text)).toBe(true);
  });

  test("nothing at all", async () => {
    expect(await run(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
  });
});

test("zstd frames with checksums, content sizes and blocks of every kind", async () => {
  const random = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) % 251));
  const zeros = Buffer.alloc(500_000);
  const { constants } = await import("node:zlib");
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  const frames = [random, zeros, Buffer.alloc(0), text].map((part) => zstdCompressSync(part, { params }));
  const whole = Buffer.concat([random, zeros, text]);
  expect((await run(Buffer.concat(frames))).equals(whole)).toBe(true);
  expect((await run(Buffer.concat(frames), 1001)).equals(whole)).toBe(true);
});

describe("damage", () => {
  test.each([
    ["gzip", gzipSync(text)],
    ["zstd", zstd(text)],
  ])("truncated %s", async (_, bytes) => {
    await expect(run(bytes.subarray(0, bytes.length - 9))).rejects.toMatchObject({
      code: "ERR_TSRUN_LAYER_CORRUPT",
    });
  });

  test.each([
    ["xz", "\xfd7zXZ\0"],
    ["bzip2", "BZh91AY"],
  ])("%s is named", async (name, magic) => {
    await expect(run(Buffer.from(magic, "latin1"))).rejects.toThrow(name);
  });

  test("an error of the source stays what it is", async () => {
    const failure = new Error("connection reset");
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync(text).subarray(0, 200);
      throw failure;
    }
    const consume = async () => {
      for await (const _ of decompress(failing()));
    };
    await expect(consume()).rejects.toBe(failure);
  });
});

describe.each([
  ["gzip", gzipSync(text)],
  ["zstd of several frames", Buffer.concat([zstd(text.subarray(0, 1e5)), zstd(text.subarray(1e5))])],
  ["nothing", text],
])("%s in memory that is used again and again", (_, bytes) => {
  /** Every piece in the same place: what was there before is gone. */
  async function* reused(size: number): AsyncGenerator<Buffer> {
    const memory = Buffer.alloc(size);
    for (let at = 0; at < bytes.length; at += size) {
      memory.fill(0xee);
      yield memory.subarray(0, bytes.copy(memory, 0, at, at + size));
    }
  }

  test.each([3, 1001, 65536])("%i bytes at a time", async (size) => {
    const copies: Buffer[] = [];
    for await (const chunk of decompress(reused(size), { transient: true })) copies.push(Buffer.from(chunk));
    expect(Buffer.concat(copies).equals(text)).toBe(true);
  });
});

test("transient chunks leave no memory behind", async () => {
  const large = gzipSync(Buffer.alloc(2_000_000, "layer "));
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(pieces(large, 65536), { transient: true })) chunks.push(chunk);
  const left = new Set(chunks.map(({ buffer }) => buffer));
  expect([...left].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(300_000);
});

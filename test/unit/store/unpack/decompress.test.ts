import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { openInflater } from "../../../../src/kernel/inflate.ts";
import { decompress } from "../../../../src/store/unpack/decompress.ts";

const host = vi.hoisted(() => ({ hasIsal: true }));
vi.mock("../../../../src/kernel/inflate.ts", async (original) => {
  const real = await original<typeof import("../../../../src/kernel/inflate.ts")>();
  return {
    openInflater: (options: { hashes: boolean }) => (host.hasIsal ? real.openInflater(options) : undefined),
  };
});

const text = Buffer.from("layer ".repeat(50_000));

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function run(bytes: Buffer, size = 65536): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(pieces(bytes, size))) chunks.push(Buffer.from(chunk));
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

describe("a zstd window", () => {
  /** A frame without data and content size, RFC 8878, section 3.1.1.1.2. */
  const frame = (windowLog: number) =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, 1, 0, 0]);

  test("of 128 MiB is the largest", async () => {
    expect(await run(frame(27))).toEqual(Buffer.alloc(0));
    await expect(run(frame(28))).rejects.toMatchObject({
      code: "ERR_TSRUN_LAYER_TOO_LARGE",
      message: expect.stringContaining("128 MiB"),
    });
  });
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
    for await (const chunk of decompress(reused(size))) copies.push(Buffer.from(chunk));
    expect(Buffer.concat(copies).equals(text)).toBe(true);
  });
});

test("chunks leave no memory behind", async () => {
  const large = gzipSync(Buffer.alloc(20_000_000, "layer "));
  const memories = new Set<ArrayBufferLike>();
  for await (const chunk of decompress(pieces(large, 65536))) memories.add(chunk.buffer);
  const left = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(left).toBeLessThan(2_500_000);
});

describe.each([
  ["with ISA-L", true],
  ["without", false],
])("gzip %s", (_, hasIsal) => {
  const inflate = async (bytes: Buffer, size?: number) => {
    host.hasIsal = hasIsal;
    try {
      return await run(bytes, size);
    } finally {
      host.hasIsal = true;
    }
  };
  const random = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 2654435761) >>> 13));

  test("what does not compress, members of all sizes and an empty one", async () => {
    const parts = [random, Buffer.alloc(0), text, Buffer.alloc(3_000_000), Buffer.from("x")];
    const bytes = Buffer.concat(parts.map((part) => gzipSync(part)));
    for (const size of [997, 65536, 10_000_000])
      expect((await inflate(bytes, size)).equals(Buffer.concat(parts))).toBe(true);
  });

  test("a header with a name and all else", async () => {
    const plain = gzipSync(text);
    const flags = 0x04 | 0x08 | 0x10;
    const extra = Buffer.concat([Buffer.from([3, 0]), Buffer.from("abcname\0comment\0")]);
    const bytes = Buffer.concat([plain.subarray(0, 3), Buffer.from([flags]), plain.subarray(4, 10), extra]);
    expect((await inflate(Buffer.concat([bytes, plain.subarray(10)]), 1)).equals(text)).toBe(true);
  });

  test("zeros after the end", async () => {
    const bytes = Buffer.concat([gzipSync(text), Buffer.alloc(1000)]);
    for (const size of [1, 65536]) expect((await inflate(bytes, size)).equals(text)).toBe(true);
  });

  test.each([
    ["its checksum", (bytes: Buffer) => bytes.length - 7],
    ["its length", (bytes: Buffer) => bytes.length - 2],
    ["its middle", (bytes: Buffer) => bytes.length >> 1],
    ["the method", () => 2],
  ])("damage to %s", async (_, place) => {
    const bytes = gzipSync(random);
    const at = place(bytes);
    bytes[at] = (bytes[at] as number) ^ 0xff;
    await expect(inflate(bytes)).rejects.toMatchObject({ code: "ERR_TSRUN_LAYER_CORRUPT" });
  });

  test("an end within each part of it", async () => {
    const bytes = gzipSync(text.subarray(0, 100));
    for (let length = 2; length < bytes.length; length++)
      await expect(inflate(bytes.subarray(0, length))).rejects.toMatchObject({
        code: "ERR_TSRUN_LAYER_CORRUPT",
      });
  });

  test("a reader that leaves early", async () => {
    host.hasIsal = hasIsal;
    for await (const chunk of decompress(pieces(gzipSync(Buffer.alloc(5_000_000)), 100))) {
      expect(chunk.every((byte) => byte === 0)).toBe(true);
      break;
    }
    host.hasIsal = true;
  });
});

describe.each([
  ["gzip, by ISA-L", gzipSync(text), true],
  ["gzip, by zlib", gzipSync(text), false],
  ["gzip and what follows it", Buffer.concat([gzipSync(text), Buffer.alloc(1000)]), true],
  ["zstd", zstd(text), true],
  ["nothing", text, true],
])("the digest of %s", (_, bytes, hasIsal) => {
  test.each([7, 65536])("%i bytes at a time", async (size) => {
    host.hasIsal = hasIsal;
    const digests: string[] = [];
    for await (const _ of decompress(pieces(bytes, size), (digest) => digests.push(digest)));
    host.hasIsal = true;
    expect(digests).toEqual([`sha256:${createHash("sha256").update(text).digest("hex")}`]);
  });
});

test("the host has ISA-L: scripts/setup installs it", () => {
  const inflater = openInflater({ hashes: true });
  expect(inflater).toBeDefined();
  inflater?.close();
});

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf } from "../../../../src/store/digest.ts";
import { unpackLayer } from "../../../../src/store/unpack/pipeline.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsrun-pipeline-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const job = (blob: Buffer) => ({
  blob: join(folder, "blob"),
  tree: join(folder, "tree"),
  digest: digestOf(blob),
  size: blob.length,
  diffId: digestOf(blob),
  limits: { entries: 10, bytes: 1 << 20 },
});

describe("a gzip of what is no tar, found out while the source is waiting", () => {
  const blob = gzipSync(randomBytes(400_000));
  const cut = 300_000;

  async function* source(after: () => Buffer): AsyncGenerator<Buffer> {
    yield blob.subarray(0, cut);
    await new Promise((resolve) => setTimeout(resolve, 100));
    yield after();
  }

  test("is told once the rest has come and the bytes are those asked for", async () => {
    const unpacked = unpackLayer(
      job(blob),
      source(() => blob.subarray(cut)),
    );
    await expect(unpacked).rejects.toMatchObject({ code: "ERR_TSRUN_LAYER_CORRUPT" });
  });

  test("but a source that fails meanwhile is what the caller hears of, not the bytes that are missing", async () => {
    const lost = new Error("connection lost");
    const unpacked = unpackLayer(
      job(blob),
      source(() => {
        throw lost;
      }),
    );
    await expect(unpacked).rejects.toBe(lost);
  });
});

import { PassThrough, Readable } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { blobSource } from "../../../src/image/blob-source.ts";
import { StatusError } from "../../../src/image/registry-error.ts";
import { DEFAULT_POLICY, type OnRetry } from "../../../src/image/retry.ts";
import type { HttpResponse } from "../../../src/image/transport.ts";

const policy = { ...DEFAULT_POLICY, attempts: 3, baseDelayMs: 1, maxDelayMs: 1, stallMs: 50 };
const content = Buffer.from("0123456789abcdefghijklmnopqrstuvwxyz");
const descriptor = { mediaType: "", digest: `sha256:${"a".repeat(64)}`, size: content.length };

/** Serves `content` from `offset` in pieces of 4 bytes; `cut` ends it after so many, `fail` with an error. */
function serve(
  offset: number,
  options: { status?: number; cut?: number; fail?: boolean; hang?: boolean } = {},
): HttpResponse {
  const { status = offset > 0 ? 206 : 200, cut = content.length, fail = false, hang = false } = options;
  const first = status === 206 ? offset : 0;
  async function* pieces() {
    const end = Math.min(first + cut, content.length);
    for (let i = first; i < end; i += 4) yield content.subarray(i, Math.min(i + 4, end));
    if (fail) throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  }
  const body = hang ? new PassThrough().on("error", () => {}) : Readable.from(pieces());
  if (hang) body.push(content.subarray(first, first + cut));
  const get = (name: string) => (name === "content-range" && status === 206 ? `bytes ${first}-35/36` : null);
  return { url: "http://x/", status, headers: { get }, body };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function read(open: (offset: number) => HttpResponse, extra: { onRetry?: OnRetry } = {}): Promise<string> {
  return collect(blobSource({ descriptor, open: async (offset) => open(offset), policy, ...extra }));
}

describe("blobSource", () => {
  test("continues where each connection broke", async () => {
    const offsets: number[] = [];
    const onRetry = vi.fn();
    const open = (offset: number) => {
      offsets.push(offset);
      return serve(offset, { cut: 10, fail: true });
    };
    expect(await read(open, { onRetry })).toBe(content.toString());
    expect(offsets).toEqual([0, 10, 20, 30]);
    expect(onRetry).toHaveBeenCalledTimes(3);
  });

  test("a connection that ends early without an error is a broken one", async () => {
    expect(await read((offset) => serve(offset, { cut: 20 }))).toBe(content.toString());
  });

  test("a registry that ignores Range serves all again: what is known is skipped", async () => {
    expect(
      await read((offset) =>
        serve(offset, { status: 200, ...(offset === 0 ? { cut: 14, fail: true } : {}) }),
      ),
    ).toBe(content.toString());
  });

  test("a registry that refuses Range is asked without", async () => {
    const offsets: number[] = [];
    const open = (offset: number) => {
      offsets.push(offset);
      if (offset > 0) throw new StatusError({ ...serve(0), status: 416 }, "");
      return serve(0, offsets.length === 1 ? { cut: 9, fail: true } : {});
    };
    expect(await read(open)).toBe(content.toString());
    expect(offsets).toEqual([0, 9, 0]);
  });

  test("a stalled connection is given up and resumed", async () => {
    const onRetry = vi.fn();
    expect(
      await read((offset) => serve(offset, offset === 0 ? { cut: 8, hang: true } : {}), { onRetry }),
    ).toBe(content.toString());
    expect(onRetry.mock.calls[0]?.[0].reason).toMatch(/no data/);
  });

  test("gives up after so many tries in a row that brought nothing", async () => {
    let calls = 0;
    const open = (): never => {
      calls++;
      throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    };
    await expect(read(open)).rejects.toThrow("refused");
    expect(calls).toBe(policy.attempts);
  });

  test("does not retry what is no passing fault", async () => {
    const open = vi.fn((): never => {
      throw new StatusError({ ...serve(0), status: 404 }, "");
    });
    await expect(read(open)).rejects.toMatchObject({ status: 404 });
    expect(open).toHaveBeenCalledTimes(1);
  });

  test("refuses more bytes than were announced", async () => {
    const short = { ...descriptor, size: 10 };
    const source = blobSource({ descriptor: short, open: async () => serve(0), policy });
    await expect(collect(source)).rejects.toMatchObject({ code: "ERR_TSRUN_SIZE_MISMATCH" });
  });

  test("an empty blob needs no connection", async () => {
    const open = () => Promise.reject(new Error("not to be called"));
    expect(await collect(blobSource({ descriptor: { ...descriptor, size: 0 }, open, policy }))).toBe("");
  });
});

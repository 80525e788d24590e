import { describe, expect, test, vi } from "vitest";
import { backoffMs, DEFAULT_POLICY, retryAfterMs, retrying } from "../../../src/image/retry.ts";

const policy = { ...DEFAULT_POLICY, attempts: 3, baseDelayMs: 1, maxDelayMs: 2 };
const passing = () => ({ reason: "broken" });

test("Retry-After in seconds and as a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("7", now)).toBe(7000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
  expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
  expect(retryAfterMs("soon", now)).toBeUndefined();
  expect(retryAfterMs(null, now)).toBeUndefined();
});

test("the backoff doubles, is spread over its upper half, and has a ceiling", () => {
  const at = (attempt: number, random: number) => backoffMs(attempt, DEFAULT_POLICY, () => random);
  expect([at(1, 0), at(1, 1), at(2, 0), at(2, 1), at(3, 1)]).toEqual([250, 500, 500, 1000, 2000]);
  expect(at(50, 1)).toBe(DEFAULT_POLICY.maxDelayMs);
});

describe("retrying", () => {
  test("until it succeeds, telling of each pause", async () => {
    const onRetry = vi.fn();
    const run = vi
      .fn()
      .mockRejectedValueOnce(new Error("a"))
      .mockRejectedValueOnce(new Error("b"))
      .mockResolvedValue(42);
    await expect(retrying(run, { what: "it", policy, classify: passing, onRetry })).resolves.toBe(42);
    expect(onRetry).toHaveBeenCalledTimes(2);
    expect(onRetry.mock.calls[0]?.[0]).toMatchObject({ what: "it", reason: "broken" });
  });

  test("no more than its attempts, then the last error", async () => {
    let calls = 0;
    const run = () => Promise.reject(new Error(`try ${++calls}`));
    await expect(retrying(run, { what: "it", policy, classify: passing })).rejects.toThrow("try 3");
  });

  test("not what is no passing fault, nor for longer than it would wait", async () => {
    const run = vi.fn(() => Promise.reject(new Error("x")));
    await expect(retrying(run, { what: "it", policy, classify: () => undefined })).rejects.toThrow("x");
    const late = () => ({ reason: "", retryAfterMs: policy.maxRetryAfterMs + 1 });
    await expect(retrying(run, { what: "it", policy, classify: late })).rejects.toThrow("x");
    expect(run).toHaveBeenCalledTimes(2);
  });

  test("an abort ends the pause", async () => {
    const controller = new AbortController();
    const run = () => Promise.reject(new Error("x"));
    const classify = () => ({ reason: "", retryAfterMs: 60_000 });
    const result = retrying(run, { what: "it", policy, classify, signal: controller.signal });
    setTimeout(() => controller.abort(), 5);
    await expect(result).rejects.toMatchObject({ name: "AbortError" });
  });
});

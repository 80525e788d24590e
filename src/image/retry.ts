/** When to try again, and how long to wait first: exponential backoff with jitter, and a server's Retry-After. */
import { setTimeout as sleep } from "node:timers/promises";

export interface RetryPolicy {
  /** Tries in all, the first included. */
  attempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
  /** A server that asks for a longer pause is not waited for. */
  maxRetryAfterMs: number;
  /** A connection that brings no byte for so long is given up. */
  stallMs: number;
}

export const DEFAULT_POLICY: RetryPolicy = {
  attempts: 6,
  baseDelayMs: 500,
  maxDelayMs: 20_000,
  maxRetryAfterMs: 120_000,
  stallMs: 30_000,
};

/** For an endpoint that is not the last: the next one is the better answer to one that fails. */
export const failoverPolicy = (policy: RetryPolicy): RetryPolicy => ({
  ...policy,
  attempts: Math.min(policy.attempts, 2),
  baseDelayMs: Math.min(policy.baseDelayMs, 200),
  maxRetryAfterMs: Math.min(policy.maxRetryAfterMs, 1000),
});

/** Told before each pause. */
export type OnRetry = (event: { what: string; reason: string; delayMs: number }) => void;

export interface RetryOptions {
  what: string;
  policy: RetryPolicy;
  /** How a failure is to be met: undefined to give up, else with the pause that the server asked for, if it did. */
  classify: (error: unknown) => { reason: string; retryAfterMs?: number | undefined } | undefined;
  onRetry?: OnRetry | undefined;
  signal?: AbortSignal | undefined;
}

/** Runs an operation until it succeeds, fails for good, or has had its attempts; then throws its last error. */
export async function retrying<T>(run: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      await pause(error, attempt, options);
    }
  }
}

/** Waits as long as the failed try number `attempt` calls for, or rethrows its error where there is no next. */
export async function pause(error: unknown, attempt: number, options: RetryOptions): Promise<void> {
  const { what, policy, classify, onRetry, signal } = options;
  signal?.throwIfAborted();
  const verdict = attempt < policy.attempts ? classify(error) : undefined;
  if (verdict === undefined) throw error;
  if ((verdict.retryAfterMs ?? 0) > policy.maxRetryAfterMs) throw error;
  const delayMs = verdict.retryAfterMs ?? backoffMs(attempt, policy);
  onRetry?.({ what, reason: verdict.reason, delayMs });
  await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
}

const YEAR_S = 31_536_000;

/** Between half and all of base × 2^(attempt-1), so that many clients do not come back in step. */
export function backoffMs(attempt: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const ceiling = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  return Math.round(ceiling * (0.5 + random() / 2));
}

/**
 * Milliseconds that a Retry-After header (RFC 9110, 10.2.3) asks for: seconds or a date; undefined if it is neither.
 * Docker Hub may send a unix time.
 */
export function retryAfterMs(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) {
    const seconds = Number(header);
    return seconds > YEAR_S ? Math.max(0, seconds * 1000 - now) : seconds * 1000;
  }
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

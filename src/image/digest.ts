/** Digests as they come out of documents that nobody has checked yet. */
import { digestMismatch, digestOf } from "../store/digest.ts";

export const isDigest = (value: unknown): value is string =>
  typeof value === "string" && /^sha256:[a-f0-9]{64}$/.test(value);

/** @throws TsrunError ERR_TSRUN_DIGEST_MISMATCH naming what did not arrive as announced. */
export function verifyDigest(what: string, bytes: Uint8Array, expected: string): void {
  const actual = digestOf(bytes);
  if (actual !== expected) throw digestMismatch(what, { expected, actual });
}

/** Content digests, image-spec descriptor.md: "sha256:" and 64 lower-case hexadecimal digits. */
import { TsrunError } from "../errors.ts";
import { sha256 } from "../kernel/sha256.ts";

const SHA256 = /^sha256:([0-9a-f]{64})$/;

/**
 * The hexadecimal part of a digest, safe as a file name. Throws ERR_TSRUN_DIGEST_INVALID for anything else, sha512
 * included: registries serve it to nobody today.
 */
export function hexOf(digest: string): string {
  const hex = SHA256.exec(digest)?.[1];
  if (hex === undefined) {
    throw new TsrunError("ERR_TSRUN_DIGEST_INVALID", `"${digest}" is not a digest that tsrun can verify`, {
      hint: "a digest is sha256: and 64 lower-case hexadecimal digits",
    });
  }
  return hex;
}

/** The digest of bytes in memory. */
export const digestOf = (bytes: Uint8Array): string => `sha256:${sha256(bytes)}`;

/** The error for content that is not what its digest says. */
export function digestMismatch(what: string, digests: { expected: string; actual: string }): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_DIGEST_MISMATCH",
    `${what} has the digest ${digests.actual}, not ${digests.expected}`,
    {
      hint: "the registry, a mirror or a proxy served other content than was asked for; nothing of it was kept",
    },
  );
}

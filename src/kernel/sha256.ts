/**
 * SHA-256 of what is in memory, by the OpenSSL that node has in itself: SHA256(3ssl). node:crypto is forty modules, which
 * take longer to load than all digests of a build that finds everything in its cache.
 */
import { declare } from "./ffi.ts";

const SHA256 = declare(null, "void *SHA256(const void *data, size_t count, void *digest)");
const BYTES = 32;

let digest: Buffer | undefined;
let isAbsent = false;

/** In hexadecimal; of a text as UTF-8. */
export function sha256(data: Uint8Array | string): string {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  return byOpenssl(bytes) ?? process.getBuiltinModule("node:crypto").hash("sha256", bytes, "hex");
}

/** Undefined where node keeps its OpenSSL to itself, or that refuses (FIPS). */
function byOpenssl(bytes: Uint8Array): string | undefined {
  if (isAbsent) return undefined;
  digest ??= Buffer.allocUnsafeSlow(BYTES);
  try {
    return SHA256(bytes, bytes.length, digest) === null ? undefined : digest.toString("hex");
  } catch {
    isAbsent = true;
    return undefined;
  }
}

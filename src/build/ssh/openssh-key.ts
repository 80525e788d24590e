/** Private keys as ssh-keygen writes them (OpenSSH, PROTOCOL.key), which OpenSSL does not read. */
import { createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { Reader } from "./wire.ts";

const PEM = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END OPENSSH PRIVATE KEY-----/;
const MAGIC = "openssh-key-v1\0";

/** Coordinates and private values of a curve have this many bytes (RFC 5656, section 10.1; RFC 7518, section 6.2). */
const CURVES: Readonly<Record<string, { crv: string; size: number }>> = {
  nistp256: { crv: "P-256", size: 32 },
  nistp384: { crv: "P-384", size: 48 },
  nistp521: { crv: "P-521", size: 66 },
};

/** What a key cannot be read for. */
export class KeyError extends Error {
  readonly reason: "encrypted" | "kind" | "malformed";

  constructor(reason: KeyError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

export const isOpensshKey = (text: string): boolean => PEM.test(text);

/** Throws KeyError. */
export function readOpensshKey(text: string): KeyObject {
  try {
    return createPrivateKey({ key: jwkOf(Buffer.from(PEM.exec(text)?.[1] ?? "", "base64")), format: "jwk" });
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError("malformed", (error as Error).message);
  }
}

function jwkOf(bytes: Buffer): JsonWebKey {
  const outer = new Reader(bytes);
  if (outer.take(MAGIC.length).toString("latin1") !== MAGIC) throw new KeyError("malformed", "no such key");
  const cipher = outer.name();
  outer.string(); // kdfname
  outer.string(); // kdfoptions
  const count = outer.uint32();
  outer.string(); // the public key
  if (cipher !== "none") throw new KeyError("encrypted", "it is encrypted");
  if (count !== 1) throw new KeyError("malformed", `there are ${count} keys in it`);
  const inner = new Reader(outer.string());
  // Of an encrypted one, two equal numbers tell that it was decrypted.
  const [first, second] = [inner.uint32(), inner.uint32()];
  if (first !== second) throw new KeyError("malformed", "its check numbers differ");
  return privateFields(inner.name(), inner);
}

function privateFields(kind: string, fields: Reader): JsonWebKey {
  if (kind === "ssh-ed25519") {
    const x = fields.string();
    // The seed, and the public key once more.
    const d = fields.string().subarray(0, 32);
    return { kty: "OKP", crv: "Ed25519", x: base64(x), d: base64(d) };
  }
  if (kind === "ssh-rsa") return rsaFields(fields);
  if (kind.startsWith("ecdsa-sha2-")) return curveFields(fields);
  throw new KeyError("kind", `it is a key of the kind ${kind}`);
}

/** dp and dq are not written, and follow from the others (RFC 8017, section 3.2). */
function rsaFields(fields: Reader): JsonWebKey {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => fields.mpint()) as [
    ...[Buffer, Buffer, Buffer],
    ...[Buffer, Buffer, Buffer],
  ];
  const exponent = (prime: Buffer): Buffer => bytesOf(numberOf(d) % (numberOf(prime) - 1n));
  const values = { n, e, d, p, q, dp: exponent(p), dq: exponent(q), qi };
  const written = Object.entries(values).map(([name, value]) => [name, base64(value)]);
  return { kty: "RSA", ...Object.fromEntries(written) };
}

function curveFields(fields: Reader): JsonWebKey {
  const name = fields.name();
  const curve = CURVES[name];
  if (curve === undefined) throw new KeyError("kind", `it is a key on the curve ${name}`);
  const { crv, size } = curve;
  // 4, x and y: an uncompressed point (SEC 1, section 2.3.3).
  const point = fields.string();
  const d = fields.mpint();
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, size - d.length)), d]);
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return { kty: "EC", crv, x: base64(x), y: base64(y), d: base64(padded) };
}

const base64 = (bytes: Buffer): string => bytes.toString("base64url");
const numberOf = (bytes: Buffer): bigint => BigInt(`0x0${bytes.toString("hex")}`);

function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

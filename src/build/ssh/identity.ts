/** A private key as an agent has it: what its public key is called by, and its signatures. */
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { isOpensshKey, KeyError, readOpensshKey } from "./openssh-key.ts";
import { mpint, string } from "./wire.ts";

export interface Identity {
  /** The public key (RFC 4253, section 6.6). */
  readonly blob: Buffer;
  /** undefined where it does not sign in the way that the flags ask for. */
  sign(data: Buffer, flags: number): Buffer | undefined;
}

/** Of a sign request, for RSA (draft-miller-ssh-agent, section 4.5.1). */
const SHA2_256 = 2;
const SHA2_512 = 4;

/** RFC 5656, section 6.2.1: the hash that a curve goes with. */
const CURVES: Readonly<Record<string, { name: string; hash: string }>> = {
  "P-256": { name: "nistp256", hash: "sha256" },
  "P-384": { name: "nistp384", hash: "sha384" },
  "P-521": { name: "nistp521", hash: "sha512" },
};

/** Of the text of a private key: PEM in OpenSSL's forms, or OpenSSH's own. Throws KeyError. */
export function identityOf(text: string): Identity {
  const key = isOpensshKey(text) ? readOpensshKey(text) : readPem(text);
  const jwk = createPublicKey(key).export({ format: "jwk" });
  if (jwk.kty === "RSA") return rsa(key, jwk);
  if (jwk.kty === "EC") return ecdsa(key, jwk);
  if (jwk.crv === "Ed25519") return ed25519(key, jwk);
  throw new KeyError("kind", `it is a key of the kind ${key.asymmetricKeyType}`);
}

function readPem(text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_MISSING_PASSPHRASE") throw new KeyError("encrypted", "it is encrypted");
    throw new KeyError("malformed", message);
  }
}

/** RFC 8709 */
function ed25519(key: KeyObject, { x }: JsonWebKey): Identity {
  const name = string("ssh-ed25519");
  return {
    blob: Buffer.concat([name, string(bytesOf(x))]),
    sign: (data) => Buffer.concat([name, string(sign(null, data, key))]),
  };
}

/** RFC 8332. With SHA-1 nobody should sign any more, and OpenSSH does not since 8.8. */
function rsa(key: KeyObject, { n, e }: JsonWebKey): Identity {
  return {
    blob: Buffer.concat([string("ssh-rsa"), mpint(bytesOf(e)), mpint(bytesOf(n))]),
    sign(data, flags) {
      const hash = flags & SHA2_512 ? "512" : flags & SHA2_256 ? "256" : undefined;
      if (hash === undefined) return undefined;
      return Buffer.concat([string(`rsa-sha2-${hash}`), string(sign(`sha${hash}`, data, key))]);
    },
  };
}

/** RFC 5656 */
function ecdsa(key: KeyObject, { crv = "", x, y }: JsonWebKey): Identity {
  const curve = CURVES[crv];
  if (curve === undefined) throw new KeyError("kind", `it is a key on the curve ${crv}`);
  const name = string(`ecdsa-sha2-${curve.name}`);
  const point = Buffer.concat([Buffer.of(4), bytesOf(x), bytesOf(y)]);
  return {
    blob: Buffer.concat([name, string(curve.name), string(point)]),
    sign(data) {
      const both = sign(curve.hash, data, { key, dsaEncoding: "ieee-p1363" });
      const [r, s] = [both.subarray(0, both.length / 2), both.subarray(both.length / 2)];
      return Buffer.concat([name, string(Buffer.concat([mpint(r), mpint(s)]))]);
    },
  };
}

const bytesOf = (text = ""): Buffer => Buffer.from(text, "base64url");

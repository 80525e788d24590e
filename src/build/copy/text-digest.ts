import type { Hash } from "node:crypto";
import { sha256 } from "../../kernel/sha256.ts";

/** What is longer is worth loading node:crypto for. */
const KEPT = 1024 * 1024;

export interface TextDigest {
  update(piece: string): void;
  /** SHA-256 in hexadecimal. */
  digest(): string;
}

/** Of a text that comes in pieces. */
export function textDigest(): TextDigest {
  let text = "";
  let long: Hash | undefined;
  return {
    update(piece) {
      text += piece;
      if (text.length < KEPT) return;
      long ??= process.getBuiltinModule("node:crypto").createHash("sha256");
      long.update(text);
      text = "";
    },
    digest: () => long?.update(text).digest("hex") ?? sha256(text),
  };
}

/** Inflating gzip and hashing what comes out, in libuv's threads: native/lib/inflate.c. */
import { native, nativeAsync } from "./native.ts";

const open = native("void *tsrun_inflater_open(int hashes)");
const close = native("void tsrun_inflater_close(void *self)");
const end = native("int tsrun_inflater_digest(void *self, uint8_t *digest)");
const run = nativeAsync(
  "int tsrun_inflate(void *self, uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size, uint32_t *used)",
);

export interface Inflated {
  /** Bytes of the input that were used: all of them, unless the output is full or the stream has ended. */
  readonly read: number;
  readonly written: number;
  /** A gzip member is complete: the input may end here. */
  readonly complete: boolean;
  /** What follows is not gzip's. */
  readonly ended: boolean;
}

/** One gzip stream. Not to be called, or closed, before the end of the call before. */
export interface Inflater {
  /** Uses both memories until it has ended; throws where the stream is damaged. */
  inflate(input: Uint8Array, output: Uint8Array): Promise<Inflated>;
  /** The SHA-256 of all output, in hexadecimal; to be asked for once, when there is no more. */
  digest(): string;
  close(): void;
}

/** Undefined where the host has no ISA-L, or node keeps its OpenSSL to itself. `hashes`: whether it has a digest. */
export function openInflater({ hashes }: { hashes: boolean }): Inflater | undefined {
  const self: unknown = open(hashes ? 1 : 0);
  if (self === null) return undefined;
  const used = new Uint32Array(3);
  return {
    async inflate(input, output) {
      const result = await run(self, input, input.length, output, output.length, used);
      if (result < 0) throw new Error(`isal_inflate: ${result}`);
      const [read = 0, written = 0, complete] = used;
      return { read, written, complete: complete === 1, ended: result === 1 };
    },
    digest() {
      const digest = Buffer.alloc(32);
      if (end(self, digest) < 0) throw new Error("EVP_DigestFinal_ex failed");
      return digest.toString("hex");
    },
    close: () => close(self),
  };
}

/**
 * Inflating in libuv's threads: gzip by ISA-L, with the digest of what comes out, native/lib/inflate.c; xz and bzip2,
 * native/lib/expand.c.
 */
import { native, nativeAsync } from "./native.ts";

const open = native("void *tsrun_inflater_open(int hashes)");
const close = native("void tsrun_inflater_close(void *self)");
const end = native("int tsrun_inflater_digest(void *self, uint8_t *digest)");
const run = nativeAsync(
  "int tsrun_inflate(void *self, uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size, uint32_t *used)",
);
const openExpander = native("void *tsrun_expander_open(int format)");
const closeExpander = native("void tsrun_expander_close(void *self)");
const expand = nativeAsync(
  "int tsrun_expand(void *self, uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size, uint32_t *used)",
);

export interface Inflated {
  /** Bytes of the input that were used: all of them, unless the output is full or the stream has ended. */
  readonly read: number;
  readonly written: number;
  /** A member is complete: the input may end here. */
  readonly complete: boolean;
  /** What follows is something else. */
  readonly ended: boolean;
}

/** One file. Not to be called, or closed, before the end of the call before. */
export interface Inflater {
  /** Uses both memories until it has ended; throws where the stream is damaged. */
  inflate(input: Uint8Array, output: Uint8Array): Promise<Inflated>;
  close(): void;
}

export interface HashingInflater extends Inflater {
  /** The SHA-256 of all output, in hexadecimal; to be asked for once, when there is no more. */
  digest(): string;
}

/** Undefined where the host has no ISA-L, or node keeps its OpenSSL to itself. `hashes`: whether it has a digest. */
export function openInflater({ hashes }: { hashes: boolean }): HashingInflater | undefined {
  const self: unknown = open(hashes ? 1 : 0);
  if (self === null) return undefined;
  return {
    ...inflater(self, { run, close }),
    digest() {
      const digest = Buffer.alloc(32);
      if (end(self, digest) < 0) throw new Error("EVP_DigestFinal_ex failed");
      return digest.toString("hex");
    },
  };
}

const FORMATS = { xz: 0, bzip2: 1 } as const;

/** Undefined where the host lacks liblzma.so.5 or libbz2.so.1.0. */
export function openExpanderOf(format: keyof typeof FORMATS): Inflater | undefined {
  const self: unknown = openExpander(FORMATS[format]);
  return self === null ? undefined : inflater(self, { run: expand, close: closeExpander });
}

function inflater(self: unknown, library: { run: typeof run; close: typeof close }): Inflater {
  const used = new Uint32Array(3);
  return {
    async inflate(input, output) {
      const result = await library.run(self, input, input.length, output, output.length, used);
      if (result < 0) throw new Error(`damaged: ${result}`);
      const [read = 0, written = 0, complete] = used;
      return { read, written, complete: complete === 1, ended: result === 1 };
    },
    close: () => library.close(self),
  };
}

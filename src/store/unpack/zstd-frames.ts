/**
 * Splits a zstd stream at the ends of its frames (RFC 8878, section 3.1). Node's ZstdDecompress (22.15 to 24.21) drops
 * what follows the first frame within one write, without an error; a write that starts with a frame is decompressed.
 * Layers with several frames are common: pzstd, and "zstd:chunked" with its skippable frames.
 */

const SKIPPABLE_MAGIC = 0x184d2a50;
const LAST_BLOCK = 1;
const RLE_BLOCK = 1;

type State = "magic" | "skippableSize" | "descriptor" | "header" | "block" | "body" | "lastBody" | "skip";

/** How many bytes of a fixed-size field each state needs before it can go on. */
const FIELD: Partial<Record<State, number>> = { magic: 4, skippableSize: 4, descriptor: 1, block: 3 };

/** Returns a function that cuts each chunk into pieces, none of which reaches over the end of a frame. */
export function zstdFrameSplitter(): (chunk: Buffer) => Buffer[] {
  let state: State = "magic";
  /** The little-endian field being read and its bytes so far, or the bytes still to pass over. */
  let field = 0;
  let have = 0;
  let pass = 0;
  let hasChecksum = false;

  function expect(next: State, bytes: number): void {
    state = next;
    pass = bytes;
    field = 0;
    have = 0;
  }

  /** A field is complete. */
  function act(value: number): void {
    switch (state) {
      case "magic":
        // Anything else than a frame is for the decompressor to refuse.
        expect((value & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC ? "skippableSize" : "descriptor", 0);
        return;
      case "skippableSize":
        expect("skip", value);
        return;
      case "descriptor":
        hasChecksum = (value & 0x04) !== 0;
        expect("header", headerBytes(value));
        return;
      case "block": {
        const size = ((value >> 1) & 3) === RLE_BLOCK ? 1 : value >> 3;
        const last = (value & LAST_BLOCK) !== 0;
        expect(last ? "lastBody" : "body", size + (last && hasChecksum ? 4 : 0));
      }
    }
  }

  return (chunk) => {
    const pieces: Buffer[] = [];
    let start = 0;
    let at = 0;
    for (;;) {
      const length = FIELD[state];
      if (length !== undefined) {
        if (at >= chunk.length) break;
        field += (chunk[at++] as number) * 2 ** (8 * have++);
        if (have === length) act(field);
        continue;
      }
      const passed = Math.min(pass, chunk.length - at);
      pass -= passed;
      at += passed;
      if (pass > 0) break;
      if (state === "lastBody" || state === "skip") {
        expect("magic", 0);
        pieces.push(chunk.subarray(start, at));
        start = at;
      } else {
        expect("block", 0);
      }
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
    return pieces;
  };
}

/** Bytes of the frame header after its descriptor: window, dictionary id and content size, section 3.1.1.1. */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor >> 5) & 1;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const contentSize = [singleSegment, 2, 4, 8][descriptor >> 6] as number;
  return (singleSegment ? 0 : 1) + dictionary + contentSize;
}

/**
 * Inputs near to valid ones: a seed of the corpus, changed in a few places. What fast-check finds it shrinks to the
 * fewest changes, and it names the seed by which the run can be repeated.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { TsrunError } from "../../src/errors.ts";

/** One change; `at` and `length` are fractions of the input, so that a change means something at every size. */
type Change =
  | { kind: "flip"; at: number; bit: number }
  | { kind: "put"; at: number; bytes: Buffer }
  | { kind: "insert"; at: number; bytes: Buffer }
  | { kind: "remove"; at: number; length: number }
  | { kind: "repeat"; at: number; length: number; to: number }
  | { kind: "cut"; at: number };

/** Bytes at which length fields, signs and alignments go wrong. */
const EDGES = [
  [0x00],
  [0xff],
  [0x7f, 0xff],
  [0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff],
  [0x00, 0x00, 0x00, 0x80],
  [0x01, 0x00, 0x00, 0x00],
].map((bytes) => Buffer.from(bytes));

/** The seeds of corpus/<name>/, each a file. */
export function corpus(name: string): Buffer[] {
  const folder = join(import.meta.dirname, "corpus", name);
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

/** A seed with up to eight changes; `words` are what means something in the format. */
export function mutated(seeds: readonly Buffer[], words: readonly string[] = []): fc.Arbitrary<Buffer> {
  const at = fc.double({ min: 0, max: 1, noNaN: true });
  const short = fc.double({ min: 0, max: 0.1, noNaN: true });
  const bytes = fc.oneof(
    fc.constantFrom(...EDGES, ...words.map((word) => Buffer.from(word))),
    fc.uint8Array({ minLength: 1, maxLength: 8 }).map((array) => Buffer.from(array)),
  );
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.record({ kind: fc.constant("flip" as const), at, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant("put" as const), at, bytes }),
    fc.record({ kind: fc.constant("insert" as const), at, bytes }),
    fc.record({ kind: fc.constant("remove" as const), at, length: short }),
    fc.record({ kind: fc.constant("repeat" as const), at, length: short, to: at }),
    fc.record({ kind: fc.constant("cut" as const), at }),
  );
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 8 }))
    .map(([seed, changes]) => changes.reduce(apply, seed));
}

function apply(input: Buffer, change: Change): Buffer {
  const position = (fraction: number): number => Math.floor(fraction * input.length);
  const at = position(change.at);
  switch (change.kind) {
    case "flip": {
      const output = Buffer.from(input);
      if (at < output.length) output[at] = (output[at] as number) ^ (1 << change.bit);
      return output;
    }
    case "put": {
      const output = Buffer.from(input);
      change.bytes.copy(output, at);
      return output;
    }
    case "insert":
      return Buffer.concat([input.subarray(0, at), change.bytes, input.subarray(at)]);
    case "remove":
      return Buffer.concat([input.subarray(0, at), input.subarray(at + position(change.length))]);
    case "repeat": {
      const to = position(change.to);
      const piece = input.subarray(at, at + position(change.length));
      return Buffer.concat([input.subarray(0, to), piece, input.subarray(to)]);
    }
    case "cut":
      return input.subarray(0, at);
  }
}

/** A few hundred inputs with every test run; FUZZ_SECONDS=N goes on for so long (scripts/fuzz). */
export function effort(numRuns = 300): fc.Parameters<unknown> & { timeout: number } {
  const seconds = Number(process.env["FUZZ_SECONDS"] ?? 0);
  if (seconds === 0) return { numRuns, timeout: 30_000 };
  return {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1000,
    timeout: (seconds + 60) * 1000,
    reporter: tellRuns,
  };
}

/** What fast-check does with what a run has come to, and how many inputs it had. */
function tellRuns(details: fc.RunDetails<unknown>): void {
  process.stdout.write(`${details.numRuns} inputs\n`);
  if (details.failed) throw new Error(fc.defaultReportMessage(details));
}

/** What it returns; undefined where it refuses its input as it should. */
export function refusedOr<Result>(parse: () => Result): Result | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

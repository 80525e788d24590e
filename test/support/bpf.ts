/** Classic BPF as the kernel runs a seccomp filter, instruction by instruction (linux/filter.h, seccomp(2)). */
import type { Instruction } from "../../src/runtime/seccomp/bpf.ts";

/** struct seccomp_data in words: number, architecture, instruction pointer (2), six arguments (2 each). */
export type SeccompData = readonly number[];

/** What the filter returns. Throws where the kernel would refuse to install it. */
export function verdict(program: readonly Instruction[], data: SeccompData): number {
  let accumulator = 0;
  for (let at = 0; ; ) {
    const [code, ifTrue, ifFalse, k] = program[at] ?? [-1, 0, 0, 0];
    const branch = (taken: boolean): number => at + 1 + (taken ? ifTrue : ifFalse);
    switch (code) {
      case 0x20: {
        const word = k % 4 === 0 ? data[k / 4] : undefined;
        if (word === undefined) throw new RangeError(`a load from ${k}`);
        accumulator = word;
        at++;
        break;
      }
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        at++;
        break;
      case 0x05:
        at += 1 + k;
        break;
      case 0x15:
        at = branch(accumulator === k);
        break;
      case 0x25:
        at = branch(accumulator > k);
        break;
      case 0x35:
        at = branch(accumulator >= k);
        break;
      case 0x45:
        at = branch((accumulator & k) !== 0);
        break;
      case 0x06:
        return k;
      default:
        throw new RangeError(`instruction ${code} at ${at} of ${program.length}`);
    }
  }
}

/** Data on which two programs could differ: each constant of theirs and its neighbours in each place, and others. */
export function* probes(programs: ReadonlyArray<readonly Instruction[]>): Generator<SeccompData> {
  const constants = new Set(programs.flat().map(([, , , k]) => k));
  const near = (values: Iterable<number>): number[] => [
    ...new Set([...values].flatMap((value) => [value - 1, value, value + 1].map((one) => one >>> 0))),
  ];
  const compared = new Set(
    programs.flat().flatMap(([code, , , k]) => (code === 0x15 || code === 0x25 || code === 0x35 ? [k] : [])),
  );
  const architectures = [...compared].filter((k) => k > 0x40000000).concat(0, 7, 0xffffffff);
  const numbers = near([...compared, 0, 0x40000000, 0xfffffffe]);
  const words = near(constants);
  let turn = 0;
  for (const architecture of architectures)
    for (const number of numbers) {
      const rounds = programs.some((program) => asksForMore(program, [number, architecture])) ? 40 : 1;
      for (let round = 0; round < rounds; round++) {
        const argument = (): number => (round === 0 ? 0 : (words[turn++ % words.length] ?? 0));
        yield [number, architecture, 0, 0, ...Array.from({ length: 12 }, argument)];
      }
    }
}

/** Whether the program looks at more than this beginning of its data. */
function asksForMore(program: readonly Instruction[], beginning: SeccompData): boolean {
  try {
    verdict(program, beginning);
    return false;
  } catch {
    return true;
  }
}

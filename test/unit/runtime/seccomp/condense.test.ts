import { describe, expect, test } from "vitest";
import { decode, encode, type Instruction } from "../../../../src/runtime/seccomp/bpf.ts";
import { condense } from "../../../../src/runtime/seccomp/condense.ts";
import { probes, verdict } from "../../../support/bpf.ts";

const LOAD = 0x20;
const AND = 0x54;
const EQUAL = 0x15;
const GREATER = 0x25;
const GREATER_EQUAL = 0x35;
const SET = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const ERRNO = 0x00050001;
const X86_64 = 0xc000003e;
const I386 = 0x40000003;

/** A filter as a simple compiler makes it: for each architecture a comparison with each number. */
function list(allowed: ReadonlyMap<number, readonly number[]>): Instruction[] {
  return [
    ...[...allowed].flatMap(([architecture, numbers]): Instruction[] => [
      [LOAD, 0, 0, 4],
      [EQUAL, 1, 0, architecture],
      [0x05, 0, 0, 2 + 2 * numbers.length],
      [LOAD, 0, 0, 0],
      ...numbers.flatMap((number): Instruction[] => [
        [EQUAL, 0, 1, number],
        [RETURN, 0, 0, ALLOW],
      ]),
      [RETURN, 0, 0, ERRNO],
    ]),
    [RETURN, 0, 0, 0],
  ];
}

function expectSame(whole: readonly Instruction[]): Instruction[] {
  const condensed = decode(condense(encode(whole)));
  for (const data of probes([whole, condensed])) {
    const [before, after] = [verdict(whole, data), verdict(condensed, data)];
    if (before !== after) expect.fail(`${data}: ${before} became ${after}`);
  }
  expect(condensed.length).toBeLessThanOrEqual(whole.length);
  return condensed;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe("the condensed filter decides as the whole one", () => {
  test("where numbers are ranges", () => {
    const filter = list(
      new Map([
        [X86_64, upTo(300).filter((number) => number !== 101)],
        [I386, upTo(200)],
      ]),
    );
    expect(expectSame(filter).length).toBeLessThan(20);
  });

  test("where no two neighbours are the same, so that jumps lead far", () => {
    const numbers = upTo(1200).filter((number) => number % 2 === 0);
    expect(expectSame(list(new Map([[X86_64, numbers]]))).length).toBeGreaterThan(600);
  });

  test("where arguments are looked at", () => {
    expectSame([
      [LOAD, 0, 0, 4],
      [EQUAL, 1, 0, X86_64],
      [RETURN, 0, 0, 0],
      [LOAD, 0, 0, 0],
      [EQUAL, 0, 6, 56],
      [LOAD, 0, 0, 16],
      [AND, 0, 0, 0x7e020000],
      [EQUAL, 0, 2, 0],
      [LOAD, 0, 0, 20],
      [SET, 0, 1, 0xff],
      [RETURN, 0, 0, ERRNO],
      [GREATER, 0, 1, 400],
      [RETURN, 0, 0, ERRNO],
      [RETURN, 0, 0, ALLOW],
    ]);
  });

  test("whatever its tree is", () => {
    for (let seed = 1; seed <= 150; seed++) expectSame(randomFilter(seed));
  });
});

test.each<[what: string, Instruction[]]>([
  ["a load of half a word", [[0x28, 0, 0, 0]]],
  [
    "arithmetic on the number",
    [
      ...([
        [LOAD, 0, 0, 0],
        [AND, 0, 0, 0xff],
      ] as Instruction[]),
      [EQUAL, 0, 0, 1],
    ],
  ],
  [
    "architectures in ranges",
    [
      [LOAD, 0, 0, 4],
      [GREATER, 0, 0, I386],
    ],
  ],
  [
    "the number after an argument",
    [
      [LOAD, 0, 0, 16],
      [LOAD, 0, 0, 0],
      [EQUAL, 0, 0, 3],
    ],
  ],
  ["a test of nothing", [[EQUAL, 0, 0, 3]]],
])("%s: the filter stays as it is", (_, beginning) => {
  const rest = Array.from({ length: 20 }, (): Instruction => [RETURN, 0, 0, ERRNO]);
  const whole = encode([...beginning, ...rest]);
  expect(condense(whole)).toBe(whole);
});

/** Two architectures' trees of comparisons with few numbers and arguments, so that they meet; jumps as they come. */
function randomFilter(seed: number): Instruction[] {
  let state = seed * 2654435761;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const verdictOf = (): Instruction[] => [[RETURN, 0, 0, [ALLOW, ERRNO, 0x00050026][below(3)] ?? 0]];
  const both = (test: Instruction, yes: Instruction[], no: Instruction[]): Instruction[] => {
    const [code, , , k] = test;
    return yes.length < 250 ? [[code, 0, yes.length, k], ...yes, ...no] : [...no];
  };
  const argument = (depth: number): Instruction[] =>
    depth === 0
      ? verdictOf()
      : [
          [LOAD, 0, 0, 16 + 4 * below(3)],
          ...(below(2) ? ([[AND, 0, 0, below(16)]] as Instruction[]) : []),
          ...both(
            [[EQUAL, GREATER, GREATER_EQUAL, SET][below(4)] ?? EQUAL, 0, 0, below(6)],
            argument(depth - 1),
            argument(depth - 1),
          ),
        ];
  const number = (depth: number): Instruction[] => {
    if (depth === 0) return below(3) ? verdictOf() : argument(2);
    const test: Instruction = [[EQUAL, GREATER, GREATER_EQUAL][below(3)] ?? EQUAL, 0, 0, below(30)];
    return both(test, number(depth - 1), number(depth - 1));
  };
  const tree = (): Instruction[] => [[LOAD, 0, 0, 0], ...number(1 + below(5))];
  const [first, second] = [tree(), tree()];
  return [
    [LOAD, 0, 0, 4],
    [EQUAL, 1, 0, X86_64],
    [0x05, 0, 0, first.length],
    ...first,
    [EQUAL, 0, 1, I386],
    [0x05, 0, 0, 1],
    [RETURN, 0, 0, 0],
    ...second,
  ];
}

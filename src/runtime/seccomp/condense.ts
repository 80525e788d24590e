/**
 * A seccomp filter that decides the same in fewer instructions. The kernel checks, translates and compiles a filter for
 * each process that installs one, which takes time by the instruction, and libseccomp has at least one for each system
 * call that a profile names: what it allows are a few ranges of numbers.
 *
 * A filter is a program without loops (BPF of linux/filter.h on struct seccomp_data). For each architecture that it
 * knows it is followed with all numbers of system calls at once: they part where it compares with one, and each part
 * ends at a verdict, or where an argument is looked at. From those parts, in their order, a search tree is made.
 */
import {
  AND,
  ARCH,
  decode,
  encode,
  type Instruction,
  JUMP,
  JUMP_EQUAL,
  JUMP_GREATER,
  JUMP_GREATER_EQUAL,
  JUMP_SET,
  LOAD_WORD,
  NR,
  RETURN,
} from "./bpf.ts";

const LAST_NUMBER = 0xffffffff;
/** How far a conditional jump leads, with room for two jumps that lead further. */
const REACH = 255 - 2;

/** What is done from some place of a program on; the same object wherever it is the same. */
type Decision =
  | { kind: "verdict"; k: number }
  | { kind: "step"; code: number; k: number; next: Decision }
  | { kind: "test"; code: number; k: number; yes: Decision; no: Decision };

/** All numbers from `first` up to the next range's. */
interface Range {
  first: number;
  decision: Decision;
}

/** An instruction, or a use of one, that no filter of libseccomp's has: the filter stays as it is. */
class Unfamiliar extends Error {}

/** struct sock_filter[] to another one, which is never longer. */
export function condense(program: Uint8Array): Uint8Array {
  try {
    const condensed = encode(layOut(decide(decode(program))));
    return condensed.length < program.length ? condensed : program;
  } catch (error) {
    if (error instanceof Unfamiliar) return program;
    throw error;
  }
}

interface Decisions {
  verdict(k: number): Decision;
  step(code: number, k: number, next: Decision): Decision;
  test(code: number, k: number, branches: { yes: Decision; no: Decision }): Decision;
}

/** Hands out decisions, the same for the same. */
function newDecisions(): Decisions {
  const known = new Map<string, Decision>();
  const numbers = new Map<Decision, number>();
  const one = (key: string, made: Decision): Decision => {
    const before = known.get(key);
    if (before !== undefined) return before;
    known.set(key, made);
    numbers.set(made, numbers.size);
    return made;
  };
  return {
    verdict: (k) => one(`${k}`, { kind: "verdict", k }),
    step: (code, k, next) => one(`${code} ${k} ${numbers.get(next)}`, { kind: "step", code, k, next }),
    test: (code, k, { yes, no }) =>
      yes === no
        ? yes
        : one(`${code} ${k} ${numbers.get(yes)} ${numbers.get(no)}`, { kind: "test", code, k, yes, no }),
  };
}

function decide(program: readonly Instruction[]): Decision {
  const decisions = newDecisions();
  const architectures = architecturesOf(program);
  // One that the filter never asks for stands for all of those.
  let other = 0;
  while (architectures.has(other)) other++;
  const byNumber = (architecture: number): Decision => {
    const ranges = rangesOf(program, architecture, decisions);
    const tree = searchTree(ranges, decisions);
    return ranges.length === 1 ? tree : decisions.step(LOAD_WORD, NR, tree);
  };
  let decision = byNumber(other);
  for (const architecture of [...architectures].reverse())
    decision = decisions.test(JUMP_EQUAL, architecture, { yes: byNumber(architecture), no: decision });
  return decisions.step(LOAD_WORD, ARCH, decision);
}

/** Every constant that is compared with the architecture. */
function architecturesOf(program: readonly Instruction[]): Set<number> {
  const found = new Set<number>();
  const seen = new Set<string>();
  const follow = (at: number, loaded: number | undefined): void => {
    const visit = `${at} ${loaded}`;
    if (seen.has(visit)) return;
    seen.add(visit);
    const [code, ifTrue, ifFalse, k] = instructionAt(program, at);
    if (loaded === ARCH && code === JUMP_EQUAL) found.add(k);
    if (code === RETURN) return;
    if (code === LOAD_WORD) follow(at + 1, k);
    else if (code === AND) follow(at + 1, undefined);
    else if (code === JUMP) follow(at + 1 + k, loaded);
    else {
      follow(at + 1 + ifTrue, loaded);
      follow(at + 1 + ifFalse, loaded);
    }
  };
  follow(0, undefined);
  return found;
}

/** What the program does with each number, in their order. */
function rangesOf(program: readonly Instruction[], architecture: number, decisions: Decisions): Range[] {
  const ranges: Range[] = [];
  const add = (first: number, decision: Decision): void => {
    if (ranges.at(-1)?.decision !== decision) ranges.push({ first, decision });
  };
  /** From an instruction on, with what is loaded, the numbers from first to last, lower ones before higher ones. */
  const follow = (at: number, loaded: number | undefined, [first, last]: readonly [number, number]): void => {
    const [code, ifTrue, ifFalse, k] = instructionAt(program, at);
    if (code === RETURN) add(first, decisions.verdict(k));
    else if (code === JUMP) follow(at + 1 + k, loaded, [first, last]);
    else if (code === LOAD_WORD && (k === NR || k === ARCH)) follow(at + 1, k, [first, last]);
    else if (code === LOAD_WORD) add(first, argumentDecision(program, at, decisions));
    else if (loaded === ARCH && code === JUMP_EQUAL)
      follow(at + 1 + (architecture === k ? ifTrue : ifFalse), loaded, [first, last]);
    else if (loaded === NR)
      for (const [from, to, holds] of partsAt(code, k)) {
        const part = [Math.max(from, first), Math.min(to, last)] as const;
        if (part[0] <= part[1]) follow(at + 1 + (holds ? ifTrue : ifFalse), loaded, part);
      }
    else throw new Unfamiliar();
  };
  follow(0, undefined, [0, LAST_NUMBER]);
  return ranges;
}

/** Where a comparison with k holds, from 0 to the last number. */
function partsAt(code: number, k: number): [from: number, to: number, holds: boolean][] {
  switch (code) {
    case JUMP_EQUAL:
      return [
        [0, k - 1, false],
        [k, k, true],
        [k + 1, LAST_NUMBER, false],
      ];
    case JUMP_GREATER:
      return [
        [0, k, false],
        [k + 1, LAST_NUMBER, true],
      ];
    case JUMP_GREATER_EQUAL:
      return [
        [0, k - 1, false],
        [k, LAST_NUMBER, true],
      ];
    default:
      throw new Unfamiliar();
  }
}

/** What is done from the load of an argument on, where number and architecture may not be asked for any more. */
function argumentDecision(program: readonly Instruction[], from: number, decisions: Decisions): Decision {
  const known = new Map<number, Decision>();
  const follow = (at: number): Decision => {
    const decision = known.get(at) ?? decided(at);
    known.set(at, decision);
    return decision;
  };
  const decided = (at: number): Decision => {
    const [code, ifTrue, ifFalse, k] = instructionAt(program, at);
    switch (code) {
      case RETURN:
        return decisions.verdict(k);
      case JUMP:
        return follow(at + 1 + k);
      case LOAD_WORD:
        if (k === NR || k === ARCH) throw new Unfamiliar();
        return decisions.step(code, k, follow(at + 1));
      case AND:
        return decisions.step(code, k, follow(at + 1));
      case JUMP_EQUAL:
      case JUMP_GREATER:
      case JUMP_GREATER_EQUAL:
      case JUMP_SET:
        return decisions.test(code, k, { yes: follow(at + 1 + ifTrue), no: follow(at + 1 + ifFalse) });
      default:
        throw new Unfamiliar();
    }
  };
  return follow(from);
}

function instructionAt(program: readonly Instruction[], at: number): Instruction {
  const instruction = program[at];
  if (instruction === undefined) throw new Unfamiliar();
  return instruction;
}

function searchTree(ranges: readonly Range[], decisions: Decisions): Decision {
  const [first, second, third] = ranges as [Range, Range?, Range?];
  if (second === undefined) return first.decision;
  // A single number, and the same on both sides of it.
  if (ranges.length === 3 && third?.decision === first.decision && third.first === second.first + 1)
    return decisions.test(JUMP_EQUAL, second.first, { yes: second.decision, no: first.decision });
  const middle = ranges.length >> 1;
  const [lower, upper] = [ranges.slice(0, middle), ranges.slice(middle)] as [Range[], [Range, ...Range[]]];
  return decisions.test(JUMP_GREATER_EQUAL, upper[0].first, {
    yes: searchTree(upper, decisions),
    no: searchTree(lower, decisions),
  });
}

/** Lays instructions out from the last to the first, since all jumps lead forward. */
function layOut(decision: Decision): Instruction[] {
  const backward: Instruction[] = [];
  const places = new Map<Decision, number>();
  const push = (code: number, k: number, ifTrue = 0, ifFalse = 0): number =>
    backward.push([code, ifTrue, ifFalse, k]) - 1;
  /** From the instruction that is pushed next. */
  const distance = (place: number): number => backward.length - place - 1;
  const within = (place: number): number => (distance(place) > REACH ? push(JUMP, distance(place)) : place);
  const place = (what: Decision): number => {
    const known = places.get(what);
    // A verdict is as short as a jump to it.
    if (known !== undefined && !(what.kind === "verdict" && distance(known) > REACH)) return known;
    const made = lay(what);
    places.set(what, made);
    return made;
  };
  const lay = (what: Decision): number => {
    if (what.kind === "verdict") return push(RETURN, what.k);
    if (what.kind === "step") {
      const next = place(what.next);
      if (distance(next) > 0) push(JUMP, distance(next));
      return push(what.code, what.k);
    }
    const [yes, no] = [place(what.yes), place(what.no)];
    const [near, far] = [within(yes), within(no)];
    return push(what.code, what.k, distance(near), distance(far));
  };
  place(decision);
  return backward.reverse();
}

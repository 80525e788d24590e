/** An instruction that becomes a command, and how it complains. */
import { DockerfileError, placeOf } from "../error.ts";
import type { Common, Instruction } from "../types.ts";

export interface Line {
  readonly instruction: Instruction;
  /** The whole file, to find the place of a word. */
  readonly text: string;
}

/** The error that this line is wrong in; `word` is what is wrong in it, as it stands there. */
export function wrong(line: Line, problem: string, word = "", hint?: string): DockerfileError {
  const range = placeOf(word, line.text, line.instruction.range);
  return new DockerfileError(problem, range, hint === undefined ? {} : { hint });
}

export function common({ instruction }: Line): Common {
  return { range: instruction.range, original: instruction.original };
}

/** The keyword in the letters that it was written with. */
export function writtenKeyword({ keyword, original }: Pick<Instruction, "keyword" | "original">): string {
  return original.slice(0, keyword.length);
}

/** The one argument of instructions that take a text as it is. */
export function onlyWord(line: Line): string {
  const { keyword, words } = line.instruction;
  const [word] = words;
  if (word === undefined) throw wrong(line, `${keyword} requires exactly one argument`);
  return word;
}

/** The arguments of instructions that take any number of them, at least one. */
export function someWords(line: Line): readonly string[] {
  const { keyword, words } = line.instruction;
  if (words.length === 0) throw wrong(line, `${keyword} requires at least one argument`);
  return words;
}

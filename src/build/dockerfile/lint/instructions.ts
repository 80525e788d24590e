/** Rules that look at one instruction as it was written. */
import { writtenKeyword } from "../commands/line.ts";
import type { Instruction } from "../types.ts";
import type { Report } from "./report.ts";

export function checkInstruction(instruction: Instruction, report: Report): void {
  switch (instruction.keyword) {
    case "FROM":
      checkFrom(instruction, report);
      return;
    case "ARG":
      checkDescription(instruction, instruction.words.map(nameOf), report);
      return;
    case "MAINTAINER":
      report(
        "MaintainerDeprecated",
        "Maintainer instruction is deprecated in favor of using label",
        instruction.range,
      );
  }
}

const nameOf = (word: string): string => word.split("=", 1)[0] as string;

function checkFrom(instruction: Instruction, report: Report): void {
  const { words, range } = instruction;
  const [, as, name] = words;
  if (as === undefined || name === undefined) return;
  if (words.length === 3 && name !== name.toLowerCase()) {
    report("StageNameCasing", `Stage name '${name}' should be lowercase`, range);
  }
  const from = writtenKeyword(instruction);
  const expected = from === from.toLowerCase() ? as.toLowerCase() : as.toUpperCase();
  // A mixture in FROM itself is ConsistentInstructionCasing's.
  if (isOneCase(from) && as !== expected) {
    report("FromAsCasing", `'${as}' and '${from}' keywords' casing do not match`, range);
  }
  checkDescription(instruction, [name.toLowerCase()], report);
}

/** A comment right above a stage or an argument begins with its name. */
function checkDescription(
  { keyword, comments, range }: Instruction,
  names: readonly string[],
  report: Report,
): void {
  const [word] = (comments.at(-1) ?? "").split(" ");
  if (comments.length === 0 || names.includes(word as string)) return;
  const name = names.length > 1 ? "<arg_key>" : names[0];
  report(
    "InvalidDefinitionDescription",
    `Comment for ${keyword} should follow the format: \`# ${name} <description>\``,
    range,
  );
}

/** All in capitals, or all in small letters. */
function isOneCase(word: string): boolean {
  return word === word.toLowerCase() || word === word.toUpperCase();
}

/** Keywords are written as most of them are. Those before the first FROM do not count. */
export function checkCasing(instructions: readonly Instruction[], report: Report): void {
  const first = instructions.findIndex(({ keyword }) => keyword === "FROM");
  const written = instructions.slice(first).map((instruction) => ({
    word: writtenKeyword(instruction),
    range: instruction.range,
  }));
  const plain = written.filter(({ word }) => isOneCase(word));
  const lower = plain.filter(({ word }) => word === word.toLowerCase()).length;
  const wanted = lower > plain.length - lower ? "lowercase" : "uppercase";
  for (const { word, range } of written) {
    if (word === (wanted === "lowercase" ? word.toLowerCase() : word.toUpperCase())) continue;
    report(
      "ConsistentInstructionCasing",
      `Command '${word}' should match the case of the command majority (${wanted})`,
      range,
    );
  }
}

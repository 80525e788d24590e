/** What is wrong with a Dockerfile, and where. */
import { TsrunError } from "../../errors.ts";
import type { Position, Range } from "./types.ts";

/** ERR_TSRUN_DOCKERFILE_INVALID: "Dockerfile:3:1: unknown instruction: RUM (did you mean RUN?)". */
export class DockerfileError extends TsrunError {
  /** The message without its place. */
  readonly problem: string;
  readonly range: Range;
  /** The file's name as the user gave it. */
  readonly file: string;

  constructor(problem: string, range: Range, options: { file?: string; hint?: string } = {}) {
    const { file = "Dockerfile", hint } = options;
    const { line, column } = range.start;
    super(
      "ERR_TSRUN_DOCKERFILE_INVALID",
      `${file}:${line}:${column}: ${problem}`,
      hint === undefined ? {} : { hint },
    );
    this.name = "DockerfileError";
    this.problem = problem;
    this.range = range;
    this.file = file;
  }
}

/** What `work` returns; its complaints about a Dockerfile speak of the file by this name. */
export function inFile<Result>(file: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DockerfileError) || error.file === file) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new DockerfileError(error.problem, error.range, { file, ...hint });
  }
}

/**
 * The lines that a range covers, marked, with a few around them, as docker shows them:
 *
 *     --------------------
 *        1 |     FROM busybox
 *        2 | >>> RUM true
 *        3 |     CMD ["sh"]
 *     --------------------
 *
 * "" where the text has no such line.
 */
export function showLines(text: string, range: Range): string {
  const lines = text.split("\n");
  const marked = { first: range.start.line, last: Math.min(range.end.line, lines.length) };
  let { first, last } = marked;
  if (first < 1 || first > last) return "";
  for (let around = first === last ? 4 : 2; around > 0; around--) {
    if (first > 1) {
      first--;
      around--;
    }
    if (last < lines.length) {
      last++;
      around--;
    }
  }
  const shown = lines.slice(first - 1, last).map((line, index) => {
    const number = first + index;
    const mark = number >= marked.first && number <= marked.last ? ">>>" : "   ";
    return ` ${String(number).padStart(3)} | ${mark} ${line.replace(/\r$/, "")}`;
  });
  const rule = "-".repeat(20);
  return [rule, ...shown, rule].join("\n");
}

/** A range within one line. */
export function onLine(line: number, from = 1, to = from): Range {
  return { start: { line, column: from }, end: { line, column: to } };
}

/** The place of `wanted` within a range of the text, or the range where it does not stand there so. */
export function placeOf(wanted: string, text: string, range: Range): Range {
  const lines = text.split("\n").slice(range.start.line - 1, range.end.line);
  const index = lines.findIndex((line) => line.includes(wanted));
  if (index < 0 || wanted === "") return range;
  const start: Position = {
    line: range.start.line + index,
    column: (lines[index] as string).indexOf(wanted) + 1,
  };
  return { start, end: { line: start.line, column: start.column + wanted.length } };
}

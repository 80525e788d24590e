/**
 * A Dockerfile's lines: directives, comments, continuations, heredocs, and each instruction's keyword, flags and words.
 *
 * Written for this purpose and measured against BuildKit's parser and its fixtures. The parser that npm has,
 * dockerfile-ast, serves editors: it takes every text for a Dockerfile, and where it has to refuse, expand or take
 * apart it does not do what a build does.
 */
import { readDirective } from "./directives.ts";
import { DockerfileError, inFile, onLine } from "./error.ts";
import { SubstitutionError } from "./expand/word.ts";
import { type HeredocOpener, heredocsOf, withoutTabs } from "./heredoc.ts";
import { emptyContinuation } from "./lint/rules.ts";
import { splitLine } from "./split.ts";
import { splitLines, trim, trimStart, withoutNewline } from "./text.ts";
import type { DockerfileWarning, Heredoc, Instruction, ParsedDockerfile, Range } from "./types.ts";
import { jsonWords, splitBlanks, splitFirst, splitQuoted } from "./words.ts";

/** As long as a line may be for BuildKit, in bytes. */
const LONGEST_LINE = 65_535;

/**
 * Reads a Dockerfile's text. Keywords are not looked at here: an unknown one is an instruction, too.
 *
 * @throws DockerfileError with the line and column
 */
export function parseDockerfile(text: string, name = "Dockerfile"): ParsedDockerfile {
  return inFile(name, () => parse(text.replace(/^\ufeff/, ""), name));
}

interface Reader {
  readonly lines: readonly string[];
  /** The next line's index, which is the number of the one before it. */
  at: number;
  escape: "\\" | "`";
  readonly directives: Record<string, string>;
  directivesEnded: boolean;
  comments: string[];
  readonly warnings: DockerfileWarning[];
}

function parse(text: string, name: string): ParsedDockerfile {
  const reader: Reader = {
    lines: splitLines(text),
    at: 0,
    escape: "\\",
    directives: {},
    directivesEnded: false,
    comments: [],
    warnings: [],
  };
  const instructions: Instruction[] = [];
  while (reader.at < reader.lines.length) {
    const instruction = readInstruction(reader);
    if (instruction !== undefined) instructions.push(instruction);
  }
  if (instructions.length === 0) {
    throw new DockerfileError("file with no instructions", onLine(Math.max(reader.lines.length, 1)));
  }
  const { directives, warnings } = reader;
  return { name, text, directives, escape: reader.escape, instructions, warnings };
}

/** The next line, and those that continue it; undefined for comments and empty lines. */
function readInstruction(reader: Reader): Instruction | undefined {
  const first = trimStart(nextLine(reader));
  const start = reader.at;
  if (first.startsWith("#")) {
    readComment(reader, first.slice(1));
    return undefined;
  }
  reader.directivesEnded = true;
  if (first === "") return undefined;
  const line = readContinued(reader, first);

  const indent = withoutNewline(reader.lines[start - 1] as string).length - first.length;
  const place = { line: start, column: indent + 1 };
  const upToHere = (): Range => ({ start: place, end: endOf(reader) });
  const parts = readLine(line, reader.escape, upToHere());
  const instruction = {
    ...parts,
    comments: reader.comments,
    heredocs: readHeredocs(reader, parts, place.line),
  };
  reader.comments = [];
  return { ...instruction, range: upToHere() };
}

function nextLine(reader: Reader): string {
  const line = reader.lines[reader.at++] as string;
  if (line.length > LONGEST_LINE / 3 && Buffer.byteLength(line) > LONGEST_LINE) {
    throw new DockerfileError(
      `dockerfile line greater than max allowed size of ${LONGEST_LINE}`,
      onLine(reader.at),
    );
  }
  return withoutNewline(line);
}

function readComment(reader: Reader, comment: string): void {
  const directive = reader.directivesEnded ? undefined : readDirective(comment);
  if (directive === undefined) {
    reader.directivesEnded = true;
    const text = trim(comment);
    if (text === "") reader.comments = [];
    else reader.comments.push(text);
    return;
  }
  const { name, value } = directive;
  if (Object.hasOwn(reader.directives, name)) {
    throw new DockerfileError(`only one ${name} parser directive can be used`, onLine(reader.at));
  }
  reader.directives[name] = value;
  if (name !== "escape") return;
  if (value !== "\\" && value !== "`") {
    throw new DockerfileError(`invalid escape token '${value}' does not match \` or \\`, onLine(reader.at));
  }
  reader.escape = value;
}

/** A line with those after it, for as long as they end in the escape character. Comments in between do not count. */
function readContinued(reader: Reader, first: string): string {
  let { text, continued } = continuation(first, reader.escape);
  const pieces = [text];
  let empty = false;
  while (continued && reader.at < reader.lines.length) {
    const next = nextLine(reader);
    const trimmed = trimStart(next);
    if (trimmed.startsWith("#")) continue;
    if (trimmed === "") {
      empty = true;
      continue;
    }
    ({ text, continued } = continuation(next, reader.escape));
    pieces.push(text);
  }
  if (empty) reader.warnings.push(emptyContinuation(onLine(reader.at)));
  return pieces.join("");
}

/** Whether a line goes on in the next one, and it without the character that says so. */
function continuation(line: string, token: string): { text: string; continued: boolean } {
  let end = line.length;
  while (line[end - 1] === " " || line[end - 1] === "\t") end--;
  const continued = line[end - 1] === token && line[end - 2] !== token;
  return { text: continued ? line.slice(0, end - 1) : line, continued };
}

type Parts = Omit<Instruction, "heredocs" | "comments">;

/** One logical line. */
function readLine(line: string, token: string, range: Range): Parts {
  const { keyword: written, flags, rest } = splitLine(line, token);
  const keyword = written.toUpperCase();
  const parts = { keyword, flags, rest, json: false, original: trim(line), range };
  switch (keyword) {
    case "ENV":
    case "LABEL":
      return { ...parts, words: keyValueWords(keyword, rest, { token, range }) };
    case "ARG":
      return { ...parts, words: splitQuoted(rest, token) };
    case "FROM":
    case "EXPOSE":
      return { ...parts, words: splitBlanks(rest) };
    case "ADD":
    case "COPY":
    case "VOLUME": {
      const json = jsonWords(rest, range);
      return { ...parts, words: json ?? splitBlanks(rest), json: json !== undefined };
    }
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
    case "SHELL": {
      const json = jsonWords(rest, range);
      return { ...parts, words: json ?? whole(rest), json: json !== undefined };
    }
    case "HEALTHCHECK": {
      const [type, command] = splitFirst(rest) ?? [rest, ""];
      const json = jsonWords(command, range);
      return { ...parts, words: [...whole(type), ...(json ?? whole(command))], json: json !== undefined };
    }
    case "ONBUILD": {
      if (rest === "") return { ...parts, words: [] };
      const trigger = readLine(rest, token, range);
      return { ...parts, words: [], trigger: { ...trigger, heredocs: [], comments: [] } };
    }
    case "MAINTAINER":
    case "STOPSIGNAL":
    case "USER":
    case "WORKDIR":
      return { ...parts, words: whole(rest) };
    default:
      return { ...parts, words: [] };
  }
}

const whole = (rest: string): string[] => (rest === "" ? [] : [rest]);

/** `key=value key="another value"`, or the old `key all of the rest`, which is told by its first word. */
function keyValueWords(
  keyword: string,
  rest: string,
  { token, range }: { token: string; range: Range },
): readonly string[] {
  const words = splitQuoted(rest, token);
  if (words[0]?.includes("=") === false) {
    const pair = splitFirst(rest);
    if (pair === undefined) throw new DockerfileError(`${keyword} must have two arguments`, range);
    return pair;
  }
  const wrong = words.find((word) => !word.includes("="));
  if (wrong !== undefined) {
    throw new DockerfileError(
      `Syntax error - can't find = in ${JSON.stringify(wrong)}. Must be of the form: name=value`,
      range,
    );
  }
  return words;
}

/** The lines of the heredocs that an instruction opens. */
function readHeredocs(reader: Reader, parts: Parts, start: number): Heredoc[] {
  const { keyword, json } = parts.trigger ?? parts;
  if (json || !["ADD", "COPY", "RUN"].includes(keyword)) return [];
  const range = { start: { line: start, column: 1 }, end: endOf(reader) };
  return openersOf(parts.original, range).map((opener) => readHeredoc(reader, opener, range));
}

function openersOf(line: string, range: Range): HeredocOpener[] {
  try {
    return heredocsOf(line);
  } catch (error) {
    if (error instanceof SubstitutionError) throw new DockerfileError(error.message, range);
    throw error;
  }
}

function readHeredoc(reader: Reader, opener: HeredocOpener, range: Range): Heredoc {
  const lines: string[] = [];
  while (reader.at < reader.lines.length) {
    const text = nextLine(reader);
    if ((opener.chomp ? text.replace(/^\t+/, "") : text) === opener.name) {
      const written = lines.join("");
      const content = opener.chomp ? withoutTabs(written) : written;
      return { name: opener.name, written, content, expand: opener.expand };
    }
    lines.push(reader.lines[reader.at - 1] as string);
  }
  throw new DockerfileError("unterminated heredoc", range, {
    hint: `no line after it is ${opener.name} alone`,
  });
}

/** The end of the line that was read last. */
function endOf(reader: Reader): Range["end"] {
  const line = withoutNewline(reader.lines[reader.at - 1] ?? "");
  return { line: reader.at, column: line.length + 1 };
}

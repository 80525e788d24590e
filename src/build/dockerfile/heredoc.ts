/** Heredocs: files in the middle of a Dockerfile, for RUN, COPY and ADD. */
import { expand, SubstitutionError } from "./expand/word.ts";
import type { CommandLine, Heredoc } from "./types.ts";

/** `<<NAME`, before its lines were read. */
export interface HeredocOpener {
  readonly name: string;
  /** `<<-`: leading tabs go. */
  readonly chomp: boolean;
  readonly expand: boolean;
}

const none = (): undefined => undefined;

/** The heredocs that a line opens. The shell's own quoting counts, with a backslash, whatever the file's escape. */
export function heredocsOf(line: string): HeredocOpener[] {
  if (!line.includes("<<")) return [];
  let words: readonly string[];
  try {
    words = expand(line, none, { keepQuotes: true, keepEscapes: true, keepUnset: true }).words;
  } catch (error) {
    // A line that only a shell understands.
    if (error instanceof SubstitutionError) return [];
    throw error;
  }
  return words.map(readOpener).filter((opener) => opener !== undefined);
}

/**
 * Reads `<<NAME`, `<<-"NAME"` and the like; undefined for other words.
 *
 * @throws SubstitutionError quotes that do not end
 */
export function readOpener(word: string): HeredocOpener | undefined {
  const [, dash, quoted = ""] = /^\d*<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word) ?? [];
  if (quoted === "") return undefined;
  const [name, ...others] = expand(quoted, none, { keepUnset: true }).words;
  if (name === undefined || others.length > 0) return undefined;
  const [raw = ""] = expand(quoted, none, { keepUnset: true, keepQuotes: true }).words;
  return { name, chomp: dash === "-", expand: quotes(name) === quotes(raw) };
}

const quotes = (text: string): number => text.match(/['"]/g)?.length ?? 0;

/** Whether a word is a heredoc's opener, for instructions that may not have one. */
export function isOpener(word: string): boolean {
  try {
    return readOpener(word) !== undefined;
  } catch (error) {
    if (error instanceof SubstitutionError) return false;
    throw error;
  }
}

/** Lines without their leading tabs. */
export function withoutTabs(lines: string): string {
  return lines.replace(/^\t+/gm, "");
}

/**
 * What the shell of a RUN gets that has heredocs. One heredoc alone is the script itself, which is a program of its
 * own where it names its interpreter: `file`, to be executed by its path. Others are the shell's to read.
 */
export function shellScript(
  command: CommandLine & { form: "shell" },
): { readonly text: string } | { readonly file: string; readonly content: string } {
  const [first] = command.heredocs;
  if (first === undefined) return { text: command.text };
  if (!isOpener(command.text)) {
    const bodies = command.heredocs.map(({ written, name }) => `\n${written}${name}`);
    return { text: command.text + bodies.join("") };
  }
  return first.content.startsWith("#!")
    ? { file: first.name, content: first.content }
    : { text: first.content };
}

/** A heredoc's first line, for titles: "apt-get update...". */
export function summary(heredoc: Heredoc): string {
  const [first = "", ...more] = heredoc.written.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}

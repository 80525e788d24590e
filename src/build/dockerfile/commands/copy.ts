/** COPY and ADD. */
import { expand, SubstitutionError } from "../expand/word.ts";
import { isOpener, readOpener } from "../heredoc.ts";
import type { AddCommand, CopyCommand, CopyFields, Heredoc, Sources } from "../types.ts";
import { readFlags } from "./flags.ts";
import { common, type Line, wrong } from "./line.ts";

export function readCopy(line: Line): CopyCommand {
  const { from, parents, ...flags } = readFlags(line, {
    chown: "value",
    chmod: "value",
    link: "boolean",
    exclude: "values",
    from: "value",
    parents: "boolean",
  });
  const fields = { ...copyFields(line, flags), parents: parents ?? false, keyword: "COPY" as const };
  if (from === undefined || from === "") return fields;
  if (!isConstant(from)) {
    throw wrong(
      line,
      "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
      `--from=${from}`,
    );
  }
  return { ...fields, from };
}

export function readAdd(line: Line): AddCommand {
  const flags = readFlags(line, {
    chown: "value",
    chmod: "value",
    link: "boolean",
    exclude: "values",
    "keep-git-dir": "boolean",
    checksum: "value",
    unpack: "boolean",
  });
  const { checksum, unpack, "keep-git-dir": keepGitDir } = flags;
  return {
    ...copyFields(line, flags),
    parents: false,
    keyword: "ADD",
    ...(checksum === undefined ? {} : { checksum }),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(unpack === undefined ? {} : { unpack }),
  };
}

/** What the two have in common. */
function copyFields(
  line: Line,
  flags: {
    readonly chown: string | undefined;
    readonly chmod: string | undefined;
    readonly link: boolean | undefined;
    readonly exclude: readonly string[];
  },
): Omit<CopyFields, "parents"> {
  const { chown, chmod, link = false, exclude } = flags;
  return {
    ...common(line),
    sources: readSources(line),
    ...(chown === undefined || chown === "" ? {} : { chown }),
    ...(chmod === undefined || chmod === "" ? {} : { chmod }),
    link,
    exclude,
  };
}

function readSources(line: Line): Sources {
  const { keyword, words, heredocs } = line.instruction;
  const destination = words.at(-1);
  if (destination === undefined || words.length < 2) {
    throw wrong(
      line,
      `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
  }
  if (isOpener(destination)) {
    throw wrong(line, `${keyword} cannot accept a heredoc as a destination`, destination);
  }
  const paths: string[] = [];
  const files: Heredoc[] = [];
  for (const word of words.slice(0, -1)) {
    if (isOpener(word)) files.push(heredocOf(word, heredocs));
    else paths.push(word);
  }
  return { paths, heredocs: files, destination };
}

function heredocOf(word: string, heredocs: readonly Heredoc[]): Heredoc {
  const name = readOpener(word)?.name ?? "";
  const found = heredocs.findLast((heredoc) => heredoc.name === name);
  // A word that the line as a whole gives another meaning, by a quote that began before it.
  return found ?? { name, content: "", written: "", expand: true };
}

/** Whether expansion leaves a text as it is. */
export function isConstant(text: string): boolean {
  try {
    return expand(text, () => undefined).text === text;
  } catch (error) {
    if (error instanceof SubstitutionError) return false;
    throw error;
  }
}

/** Variables in instructions: which parts of which are expanded, as in BuildKit. */
import { PortError, readPorts } from "../commands/ports.ts";
import { expandMounts } from "../commands/run.ts";
import { DockerfileError } from "../error.ts";
import { isOpener, summary } from "../heredoc.ts";
import type { Command, CopyFields, Heredoc, Pair, ParsedDockerfile, Range, Sources } from "../types.ts";
import { type Expanded, expand, type Lookup, SubstitutionError, type WordOptions } from "./word.ts";

type Escape = ParsedDockerfile["escape"];

const NOWHERE: Range = { start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };

/**
 * A text with its variables replaced and its quotes taken off, as FROM and ARG's values need it. `words` of the result
 * is it divided at white space, also at that of values. Errors point to `range`.
 *
 * @throws DockerfileError
 */
export function expandWord(
  text: string,
  lookup: Lookup,
  token: Escape = "\\",
  range: Range = NOWHERE,
): Expanded {
  return expandAt(text, lookup, { escape: token, range });
}

function expandAt(text: string, lookup: Lookup, options: WordOptions & { range: Range }): Expanded {
  const { range, ...rest } = options;
  try {
    return expand(text, lookup, rest);
  } catch (error) {
    if (!(error instanceof SubstitutionError)) throw error;
    throw new DockerfileError(`failed to process ${JSON.stringify(text)}: ${error.message}`, range);
  }
}

export interface ExpandedCommand<Of extends Command = Command> {
  readonly command: Of;
  /** Variables that have a value, and those without one. */
  readonly used: ReadonlySet<string>;
  readonly unmatched: ReadonlySet<string>;
}

/**
 * A command with its variables replaced. ENV, LABEL: names and values; COPY, ADD: paths, owner, mode, checksum and
 * heredocs; RUN: the values of its mounts, nothing else, since the shell has the rest; WORKDIR, USER, VOLUME,
 * STOPSIGNAL and EXPOSE. ARG: its defaults; leave out beforehand those that do not count, since a value was given.
 *
 * @throws DockerfileError
 */
export function expandCommand<Of extends Command>(
  command: Of,
  lookup: Lookup,
  token: Escape = "\\",
): ExpandedCommand<Of> {
  const used = new Set<string>();
  const unmatched = new Set<string>();
  const process = (text: string, options: WordOptions): Expanded => {
    const expanded = expandAt(text, lookup, { ...options, range: command.range });
    for (const name of expanded.used) used.add(name);
    for (const name of expanded.unmatched) unmatched.add(name);
    return expanded;
  };
  const expander: Expander = {
    word: (text) => process(text, { escape: token }).text,
    words: (text) => process(text, { escape: token }).words,
    content: (text) => process(text, { plainQuotes: true }).text,
  };
  return { command: expandFields(command, expander) as Of, used, unmatched };
}

interface Expander {
  word(text: string): string;
  words(text: string): readonly string[];
  /** Of heredocs, in which quotes are plain characters. */
  content(text: string): string;
}

function expandFields(command: Command, expander: Expander): Command {
  const { word } = expander;
  switch (command.keyword) {
    case "ENV":
    case "LABEL":
      return {
        ...command,
        pairs: command.pairs.map(({ key, value }): Pair => ({ key: word(key), value: word(value) })),
      };
    case "ARG":
      return {
        ...command,
        pairs: command.pairs.map(({ key, value }) => ({
          key,
          value: value === undefined ? undefined : word(value),
        })),
      };
    case "ADD": {
      const { checksum } = command;
      return {
        ...command,
        ...(checksum === undefined ? {} : { checksum: word(checksum) }),
        ...copyFields(command, expander),
      };
    }
    case "COPY":
      return { ...command, ...copyFields(command, expander) };
    case "RUN":
      return { ...command, mounts: expandMounts(command, word) };
    case "WORKDIR":
      return { ...command, path: word(command.path) };
    case "USER":
      return { ...command, user: word(command.user) };
    case "VOLUME":
      return { ...command, paths: command.paths.map(word) };
    case "STOPSIGNAL":
      return { ...command, signal: word(command.signal) };
    case "EXPOSE":
      return { ...command, ports: portsOf(command.ports.flatMap(expander.words), command.range) };
    default:
      return command;
  }
}

function copyFields(
  { chown, chmod, sources }: CopyFields,
  expander: Expander,
): Pick<CopyFields, "sources" | "chown" | "chmod"> {
  return {
    ...(chown === undefined ? {} : { chown: expander.word(chown) }),
    ...(chmod === undefined ? {} : { chmod: expander.word(chmod) }),
    sources: expandSources(sources, expander),
  };
}

function expandSources(sources: Sources, { word, content }: Expander): Sources {
  const expandFile = (file: Heredoc): Heredoc =>
    file.expand ? { ...file, content: content(file.content) } : file;
  return {
    paths: sources.paths.map(word),
    destination: word(sources.destination),
    heredocs: sources.heredocs.map(expandFile),
  };
}

function portsOf(words: readonly string[], range: Range): string[] {
  try {
    return words.flatMap((word) => readPorts(word).ports);
  } catch (error) {
    if (error instanceof PortError) throw new DockerfileError(error.message, range);
    throw error;
  }
}

/**
 * A command in one line with its variables replaced where they have values, for progress: `RUN make VERSION=1`. A
 * RUN keeps its quotes, as they are the shell's.
 */
export function commandTitle(command: Command, lookup: Lookup, token: Escape = "\\"): string {
  const line = titleOf(command);
  const options: WordOptions =
    command.keyword === "RUN" ? { escape: token, keepQuotes: true, keepUnset: true } : { escape: token };
  try {
    return expand(line, lookup, options).text;
  } catch (error) {
    if (error instanceof SubstitutionError) return line;
    throw error;
  }
}

function titleOf(command: Command): string {
  const { keyword, original } = command;
  const line = keyword + original.slice(keyword.length);
  if (command.keyword !== "RUN" || command.command.form === "exec") return line;
  const { text, heredocs } = command.command;
  const [script] = isOpener(text) ? heredocs : [];
  return script === undefined ? line : `${line} (${summary(script)})`;
}

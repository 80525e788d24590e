/** What a COPY or ADD takes: which of its words are paths, and which are places elsewhere. */
import { posix } from "node:path";
import { isGitUrl } from "../context/git-url.ts";
import type { AddCommand, CopyCommand } from "../dockerfile/types.ts";
import { brokenInstruction } from "../errors.ts";
import type { Source } from "./types.ts";

/** Throws BuildError where the instruction cannot take one of them, or its checksum is no use. */
export function sourcesOf(command: CopyCommand | AddCommand): Source[] {
  const { paths, heredocs } = command.sources;
  const sources: Source[] = [
    ...paths.map((path) => sourceOf(command, path)),
    ...heredocs.map((heredoc) => ({ kind: "heredoc", heredoc }) as const),
  ];
  if (command.keyword === "ADD") refuseChecksum(command, sources);
  return sources;
}

function sourceOf(command: CopyCommand | AddCommand, path: string): Source {
  if (isRepository(path)) {
    if (command.keyword === "COPY")
      throw brokenInstruction(command, "source can't be a git ref for COPY", "ADD takes repositories");
    return { kind: "git", url: path };
  }
  if (/^https?:\/\//.test(path)) {
    if (command.keyword === "COPY")
      throw brokenInstruction(command, "source can't be a URL for COPY", "ADD takes URLs");
    return { kind: "url", url: path };
  }
  return { kind: "path", path: command.parents ? path : posix.join("/", path) };
}

/** The words of a context, but for the one that may be a directory's name. */
const isRepository = (path: string): boolean => isGitUrl(path) && !path.startsWith("github.com/");

/** Docker's rules, and what each kind of checksum looks like. */
function refuseChecksum(command: AddCommand, sources: readonly Source[]): void {
  const { checksum } = command;
  if (checksum === undefined) return;
  const [source] = sources;
  if (source === undefined || sources.length > 1)
    throw brokenInstruction(command, "checksum can't be specified for multiple sources");
  if (source.kind !== "url" && source.kind !== "git")
    throw brokenInstruction(command, "checksum requires HTTP(S) or Git sources");
  const [pattern, wanted] =
    source.kind === "url"
      ? [/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hexadecimal digits"]
      : [/^[0-9a-f]{4,64}$/, "the id of a commit"];
  if (!pattern.test(checksum))
    throw brokenInstruction(command, `invalid checksum ${JSON.stringify(checksum)}`, `it is ${wanted}`);
}

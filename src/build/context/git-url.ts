/** Which words name a git repository, and what they say of it: docker's rules (docs.docker.com/build/concepts/context). */
import { TsrunError } from "../../errors.ts";

export interface GitAddress {
  /** What git is given: no fragment, no query. */
  readonly repository: string;
  /** A branch, a tag, or a commit; undefined for the repository's default branch. */
  readonly ref: string | undefined;
  /** The directory below the repository's root that is asked for. */
  readonly subdirectory: string | undefined;
  /** What the commit's id has to begin with. */
  readonly checksum: string | undefined;
  readonly keepGitDirectory: boolean | undefined;
}

/** user@host:path, as ssh takes it. */
const SCP = /^[\w.-]+@[\w.-]+:(?!\/\/)/;

/**
 * Whether docker would take the text for a repository: git:// and ssh:// always, http(s):// where the path ends with
 * .git, scp's form, and the old shorthand github.com/OWNER/NAME.
 */
export function isGitUrl(text: string): boolean {
  if (/^(git|ssh):\/\//i.test(text) || SCP.test(text) || text.startsWith("github.com/")) return true;
  return /^https?:\/\//i.test(text) && /^[^?#]*\.git(?:[?#]|$)/i.test(text);
}

/** Reads REPOSITORY[?QUERY][#REF[:SUBDIRECTORY]]; throws ERR_TSRUN_CONTEXT_INVALID. */
export function parseGitUrl(text: string): GitAddress {
  const [whole = "", fragment = ""] = splitOnce(text, "#");
  const [address = "", query] = splitOnce(whole, "?");
  const [ref, directory] = splitOnce(fragment, ":");
  const found: GitAddress = {
    repository: address.startsWith("github.com/") ? `https://${address}` : address,
    ref: ref || undefined,
    subdirectory: directory || undefined,
    checksum: undefined,
    keepGitDirectory: undefined,
  };
  const result = query === undefined ? found : withQuery(found, query, text);
  if (result.ref?.startsWith("-") || result.subdirectory?.startsWith("-"))
    throw invalid(text, "a reference cannot begin with -");
  return result;
}

function withQuery(address: GitAddress, query: string, text: string): GitAddress {
  const result: { -readonly [Key in keyof GitAddress]: GitAddress[Key] } = { ...address };
  const setRef = (ref: string): void => {
    if (result.ref !== undefined && result.ref !== ref) throw invalid(text, "it names two references");
    result.ref = ref;
  };
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "ref" || key === "branch" || key === "tag")
      setRef(key === "branch" ? `refs/heads/${value}` : key === "tag" ? `refs/tags/${value}` : value);
    else if (key === "subdir") result.subdirectory = value;
    else if (key === "checksum" || key === "commit") result.checksum = value;
    else if (key === "keep-git-dir") result.keepGitDirectory = !/^(0|f|false)$/i.test(value);
    else throw invalid(text, `unknown query parameter "${key}"`);
  }
  return result;
}

function splitOnce(text: string, at: string): [string] | [string, string] {
  const index = text.indexOf(at);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}

/** A URL as it may be shown: without the password that it may have in it. */
export const withoutPassword = (url: string): string =>
  url.replace(/^(\w+:\/\/[^/@:]*):[^/@]*@/, "$1:xxxxx@");

function invalid(text: string, reason: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_CONTEXT_INVALID",
    `invalid git URL "${withoutPassword(text)}": ${reason}`,
    {
      hint: "a repository is given as URL#REF:SUBDIRECTORY",
    },
  );
}

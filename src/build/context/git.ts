/** One commit of a repository as a directory. */
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import type { Paths } from "../../store/paths.ts";
import { openScratch } from "../../store/scratch.ts";
import { type GitCall, git } from "./git-program.ts";
import { type GitAddress, parseGitUrl, withoutPassword } from "./git-url.ts";

export interface GitOptions {
  /** Keeps .git, so that programs of the build can ask it for its version. */
  keepGitDirectory?: boolean;
  /** The full id of the commit that the URL led to a moment ago: it is this one that is fetched. */
  commit?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Checkout extends Disposable {
  /** The subdirectory that was asked for, or the whole work tree; gone with the disposal. */
  readonly directory: string;
  /** The full id of the commit. */
  readonly commit: string;
}

/**
 * The commit that a URL leads to, of which nothing is fetched; undefined where that is not told without fetching: an id
 * may be given by its beginning. Throws ERR_TSRUN_CONTEXT_INVALID, ERR_TSRUN_GIT_MISSING, ERR_TSRUN_GIT_FAILED.
 */
export async function resolveGit(
  url: string,
  { signal }: Pick<GitOptions, "signal"> = {},
): Promise<string | undefined> {
  const address = parseGitUrl(url);
  const { repository, ref = "HEAD" } = address;
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)) return checked(address, ref);
  // At a place that has no configuration of its own.
  const call: GitCall = { directory: "/", signal, redact: redacting(address) };
  const listed = await git(["ls-remote", "--quiet", repository, ref, `${ref}^{}`], call);
  const ids = new Map(listed.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
  // The order in which git takes a name for a reference (gitrevisions(7)); "^{}" is the commit of a tag.
  const names = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"].map((prefix) => prefix + ref);
  const commit = names.map((name) => ids.get(`${name}^{}`) ?? ids.get(name)).find((id) => id !== undefined);
  return commit === undefined ? undefined : checked(address, commit);
}

/** Throws ERR_TSRUN_CONTEXT_INVALID, ERR_TSRUN_GIT_MISSING, ERR_TSRUN_GIT_FAILED. */
export async function openGit(paths: Paths, url: string, options: GitOptions = {}): Promise<Checkout> {
  const address = parseGitUrl(url);
  const keepsGit = address.keepGitDirectory ?? options.keepGitDirectory ?? false;
  const scratch = openScratch(paths);
  try {
    const call: GitCall = { directory: scratch.path, signal: options.signal, redact: redacting(address) };
    await git(["init", "--quiet"], call);
    await fetchCommit(address, call);
    let commit = await git(["rev-parse", "HEAD"], call);
    if (options.commit !== undefined && options.commit !== commit) {
      await fetchCommit({ ...address, ref: options.commit }, call);
      commit = await git(["rev-parse", "HEAD"], call);
    }
    checked(address, commit);
    const hasSubmodules = existsSync(join(scratch.path, ".gitmodules"));
    if (hasSubmodules)
      await git(["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"], call);
    if (keepsGit) await describeOrigin(address, call);
    else removeGit(scratch.path, hasSubmodules);
    return {
      directory: subdirectory(scratch.path, address),
      commit,
      [Symbol.dispose]: () => scratch[Symbol.dispose](),
    };
  } catch (error) {
    scratch[Symbol.dispose]();
    throw error;
  }
}

const redacting =
  ({ repository }: GitAddress) =>
  (text: string): string =>
    text.replaceAll(repository, withoutPassword(repository));

/** One commit alone where the server gives it, else everything: it may be asked for by a part of its id. */
async function fetchCommit({ repository, ref = "HEAD" }: GitAddress, call: GitCall): Promise<void> {
  try {
    await git(["fetch", "--quiet", "--depth=1", "--no-tags", repository, ref], call);
    await git(["checkout", "--quiet", "--detach", "FETCH_HEAD"], call);
  } catch (error) {
    call.signal?.throwIfAborted();
    if (!/^[0-9a-f]{4,64}$/.test(ref)) throw error;
    await git(
      ["fetch", "--quiet", repository, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"],
      call,
    );
    await git(["checkout", "--quiet", "--detach", ref], call);
  }
}

/** What programs ask for that tell versions: the tag or branch that was fetched, and where from. */
async function describeOrigin({ repository }: GitAddress, call: GitCall): Promise<void> {
  const fetched = join(call.directory, ".git/FETCH_HEAD");
  const lines = readFileSync(fetched, "utf8").trimEnd().split("\n");
  const [, kind, name] = /\t(tag|branch) '(.*)' of /.exec(lines.length === 1 ? (lines[0] ?? "") : "") ?? [];
  if (name !== undefined)
    await git(["update-ref", `refs/${kind === "tag" ? "tags" : "heads"}/${name}`, "FETCH_HEAD"], call);
  rmSync(fetched);
  await git(["remote", "add", "origin", repository.replace(/^(https?:\/\/)[^/@]*@/, "$1")], call);
}

/** Each submodule has a file of that name, which leads to the repository's own. */
function removeGit(directory: string, hasSubmodules: boolean): void {
  rmSync(join(directory, ".git"), { recursive: true, force: true });
  if (!hasSubmodules) return;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }))
    if (entry.name === ".git") rmSync(join(entry.parentPath, entry.name), { recursive: true });
}

/** Links of the repository lead to places in it, and nowhere else. */
function subdirectory(root: string, { subdirectory: path, repository }: GitAddress): string {
  if (path === undefined) return root;
  const rootFd = openSync(root, O_PATH | constants.O_DIRECTORY);
  try {
    const fd = openInRoot(rootFd, path, O_PATH | constants.O_DIRECTORY);
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new TsrunError(
      "ERR_TSRUN_CONTEXT_INVALID",
      `${withoutPassword(repository)} has no directory "${path}" at that commit`,
      { hint: "a repository is given as URL#REF:SUBDIRECTORY", cause: error },
    );
  } finally {
    closeSync(rootFd);
  }
}

/** The commit, if its id begins with what the URL says. */
function checked({ repository, ref = "HEAD", checksum = "" }: GitAddress, commit: string): string {
  if (commit.startsWith(checksum)) return commit;
  throw new TsrunError(
    "ERR_TSRUN_GIT_FAILED",
    `${ref} of ${withoutPassword(repository)} is commit ${commit}, not ${checksum}`,
    { hint: "somebody has moved the reference, or the checksum is another's" },
  );
}

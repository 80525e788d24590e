/** One commit of a repository as a directory. */
import { closeSync, constants, existsSync, openSync, readlinkSync, rmSync } from "node:fs";
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
  signal?: AbortSignal | undefined;
}

export interface Checkout extends Disposable {
  /** The subdirectory that was asked for, or the whole work tree; gone with the disposal. */
  readonly directory: string;
  /** The full id of the commit. */
  readonly commit: string;
}

/** Throws ERR_TSRUN_CONTEXT_INVALID, ERR_TSRUN_GIT_MISSING, ERR_TSRUN_GIT_FAILED. */
export async function openGit(paths: Paths, url: string, options: GitOptions = {}): Promise<Checkout> {
  const address = parseGitUrl(url);
  const scratch = openScratch(paths);
  try {
    const call: GitCall = {
      directory: scratch.path,
      signal: options.signal,
      redact: (text) => text.replaceAll(address.repository, withoutPassword(address.repository)),
    };
    await git(["init", "--quiet"], call);
    await fetchCommit(address, call);
    const commit = await git(["rev-parse", "HEAD"], call);
    if (!commit.startsWith(address.checksum ?? "")) throw otherCommit(address, commit);
    if (existsSync(join(scratch.path, ".gitmodules")))
      await git(["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"], call);
    if (!(address.keepGitDirectory ?? options.keepGitDirectory ?? false))
      rmSync(join(scratch.path, ".git"), { recursive: true, force: true });
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

function otherCommit({ repository, ref = "HEAD", checksum }: GitAddress, commit: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_GIT_FAILED",
    `${ref} of ${withoutPassword(repository)} is commit ${commit}, not ${checksum}`,
    { hint: "somebody has moved the reference, or the checksum is another's" },
  );
}

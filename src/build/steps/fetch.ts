/** What ADD brings from elsewhere: files of web servers and git repositories. */
import { createHash } from "node:crypto";
import { chmodSync, closeSync, openSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { writeFully } from "../../store/write-fully.ts";
import { BuildError } from "../errors.ts";
import type { FilesStep } from "../graph/types.ts";
import type { Session } from "../session.ts";

export interface FetchedSource {
  /** A directory of this build, and what of it is meant: "/" for its content. */
  readonly directory: string;
  readonly path: string;
  readonly digest: unknown;
}

export async function fetchFile(session: Session, step: FilesStep, url: string): Promise<FetchedSource> {
  const { fetchUrl } = await import("../context/fetch-url.ts");
  const { body, fileName, lastModified } = await fetchUrl(session.context.config, url, {
    signal: session.signal,
    onProgress: (current, total) =>
      session.emit({
        type: "progress",
        step: step.number,
        id: url,
        current,
        ...(total !== undefined && { total }),
        done: current === total,
      }),
  });
  const directory = session.directory();
  const name = fileName ?? "__unnamed__";
  const file = join(directory, name);
  const hash = createHash("sha256");
  const fd = openSync(file, "wx", 0o600);
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      writeFully(fd, chunk, file);
    }
  } finally {
    closeSync(fd);
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (step.checksum !== undefined && step.checksum !== digest) {
    throw new BuildError(`digest mismatch sha256 ${url}: ${digest} (expected: ${step.checksum})`, {
      range: step.range,
      hint: "the file is another than when its checksum was written down",
    });
  }
  chmodSync(file, 0o600);
  const time = lastModified ?? new Date(0);
  utimesSync(file, time, time);
  return {
    directory,
    path: `/${name.replace(/[*?[\\]/g, "\\$&")}`,
    digest: [name, digest, lastModified?.getTime() ?? 0],
  };
}

/** What the digest of a repository would be, of which nothing is fetched; undefined where only that could tell. */
export async function identifyRepository(
  { signal }: Session,
  step: FilesStep,
  url: string,
): Promise<{ commit: string; digest: unknown } | undefined> {
  const { resolveGit } = await import("../context/git.ts");
  const commit = await resolveGit(url, { signal });
  return commit === undefined ? undefined : { commit, digest: await digestOf(step, url, commit) };
}

/** `commit` is what it was identified by. */
export async function fetchRepository(
  session: Session,
  step: FilesStep,
  { url, commit: known }: { url: string; commit: string | undefined },
): Promise<FetchedSource> {
  const { openGit } = await import("../context/git.ts");
  const options = { signal: session.signal, keepGitDirectory: step.keepGitDir, commit: known };
  const { directory, commit } = session.keep(await openGit(session.paths, url, options));
  return { directory, path: "/", digest: await digestOf(step, url, commit) };
}

/** A commit is the same wherever it comes from, but for what .git says of that. */
async function digestOf(
  { checksum = "", keepGitDir, range }: FilesStep,
  url: string,
  commit: string,
): Promise<unknown> {
  if (!commit.startsWith(checksum)) {
    throw new BuildError(`expected checksum to match ${checksum}, got ${commit}`, {
      range,
      hint: "the reference leads to another commit than when the checksum was written down",
    });
  }
  const { parseGitUrl } = await import("../context/git-url.ts");
  const { repository, ref = null, subdirectory = "", keepGitDirectory = keepGitDir } = parseGitUrl(url);
  return { commit, subdirectory, git: keepGitDirectory ? [repository, ref] : null };
}

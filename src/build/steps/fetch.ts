/** What ADD brings from elsewhere: files of web servers and git repositories. */
import { createHash } from "node:crypto";
import { chmodSync, closeSync, openSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { writeFully } from "../../store/write-fully.ts";
import { BuildError } from "../errors.ts";
import type { FilesStep, Source } from "../graph/types.ts";
import type { Session } from "../session.ts";

export interface FetchedSource {
  /** A directory of this build, and what of it is meant: "/" for its content. */
  readonly directory: string;
  readonly path: string;
  readonly digest: unknown;
}

export function fetchSource(
  session: Session,
  step: FilesStep,
  source: Extract<Source, { kind: "url" | "git" }>,
): Promise<FetchedSource> {
  return source.kind === "url"
    ? fetchFile(session, step, source.url)
    : fetchRepository(session, step, source.url);
}

async function fetchFile(session: Session, step: FilesStep, url: string): Promise<FetchedSource> {
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

async function fetchRepository(session: Session, step: FilesStep, url: string): Promise<FetchedSource> {
  const { openGit } = await import("../context/git.ts");
  const { directory, commit } = session.keep(
    await openGit(session.paths, url, { signal: session.signal, keepGitDirectory: step.keepGitDir }),
  );
  if (step.checksum !== undefined && !commit.startsWith(step.checksum)) {
    throw new BuildError(`expected checksum to match ${step.checksum}, got ${commit}`, { range: step.range });
  }
  return { directory, path: "/", digest: [url.replace(/#[^:]*/, ""), commit, step.keepGitDir] };
}

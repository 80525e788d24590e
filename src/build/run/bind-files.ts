/** RUN --mount=type=bind: files of the context, or of a stage, at a place in the step's root. */
import { chmodSync, chownSync, closeSync, mkdirSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import type { LocatedBind } from "../../engine/mounts.ts";
import type { ImageMount } from "../../engine/types.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import { fromPath } from "../../store/unpack/bytes.ts";
import { Destination } from "../copy/destination.ts";
import { type FoundFile, findSources, type SourceRoot } from "../copy/sources.ts";
import { ignoreMatcher } from "../dockerfile/index.ts";
import { BuildError } from "../errors.ts";
import type { RunStep, StepMount } from "../graph/types.ts";
import { openPlain, openSnapshot } from "../steps/roots.ts";
import type { Workshop } from "../steps/types.ts";

export interface OpenBind {
  readonly mount: LocatedBind | ImageMount;
  close(): void;
}

/**
 * A directory of this host that is nothing but the mount's is bound read-only as it is, or with its owner as root. Of what
 * may be written to, or of which something is left out, or whose owners cannot all be root in a mount, it gets a copy,
 * which is gone afterwards; it is below tmp/, whose owners are mapped like those of layers.
 */
export async function openBindFiles(workshop: Workshop, mount: StepMount, step: RunStep): Promise<OpenBind> {
  const { files, source = "", readOnly, target } = mount;
  const path = posix.join("/", source);
  if (files === undefined) throw new Error("a bind mount without files");
  if (files.kind === "context") {
    const { files: context } = await workshop.context(files.name);
    if (readOnly && context.ignoreFile === undefined && workshop.session.users === undefined) {
      const place = within(context.directory, path, step);
      const { ownedByRoot } = await import("./owned-by-root.ts");
      const ids = ownedByRoot(place);
      if (ids !== undefined) return bound({ source: place, target, readOnly, ...ids });
    }
    return copied(workshop, mount, step);
  }
  const snapshot = await workshop.snapshotOf(files);
  if (!readOnly) return copied(workshop, mount, step);
  const layers = await Promise.all(snapshot.layers.map(({ stored }) => stored));
  return {
    mount: {
      type: "image",
      source: "",
      target,
      ...(path !== "/" && { subpath: path.slice(1) }),
      imageId: "",
      layers,
    },
    close() {},
  };
}

const bound = (mount: Pick<LocatedBind, "source" | "target" | "readOnly" | "origin" | "ids">): OpenBind => ({
  mount: { type: "bind", sourceMustExist: true, ...mount },
  close() {},
});

/** The host's path of a file of the context, links followed inside of it. */
function within(directory: string, path: string, { range }: RunStep): string {
  using root = openPlain(directory);
  let fd: number;
  try {
    fd = openInRoot(root.fd, path, O_PATH);
  } catch (cause) {
    throw new BuildError(`failed to compute cache key: ${JSON.stringify(path)}: not found`, { range, cause });
  }
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

async function copied(workshop: Workshop, mount: StepMount, step: RunStep): Promise<OpenBind> {
  const directory = workshop.session.directory();
  const isFile = await copyInto(workshop, mount, { directory, step });
  return bound({
    source: isFile ? join(directory, posix.basename(mount.source ?? "")) : directory,
    target: mount.target,
    readOnly: mount.readOnly,
    origin: { isDirectory: !isFile },
  });
}

/** The first content of a cache. */
export async function fillCache(
  workshop: Workshop,
  mount: StepMount,
  directory: string,
  step: RunStep,
): Promise<void> {
  await copyInto(workshop, mount, { directory, step });
}

/** Whether what was copied is one file. */
async function copyInto(
  workshop: Workshop,
  { files, source = "" }: StepMount,
  { directory, step }: { directory: string; step: RunStep },
): Promise<boolean> {
  if (files === undefined) return false;
  using root =
    files.kind === "context" ? await contextRoot(workshop, files.name) : await otherRoot(workshop, files);
  using found = findSources(root, posix.join("/", source), { exclude: [], parents: false });
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  using to = openPlain(directory);
  const made = new Destination(to.fd, {
    owner: root.ownedByRoot ? { uid: 0, gid: 0 } : undefined,
    mode: undefined,
    madeBy: { uid: 0, gid: 0 },
  });
  try {
    for (const match of found.matches) {
      for (const file of match.files()) {
        if (file.path === "" && match.isDirectory) {
          becomeLike(directory, file, root);
          continue;
        }
        await made.copy(file, file.path === "" ? fromPath(posix.basename(match.path)) : file.path);
      }
    }
    made.finish();
    return found.matches.some(({ isDirectory }) => !isDirectory);
  } catch (error) {
    throw error instanceof BuildError
      ? error
      : new BuildError(String((error as Error).message), { range: step.range, cause: error });
  } finally {
    made.close();
  }
}

/** What is mounted on the target is the copy's own directory. */
function becomeLike(directory: string, { stat }: FoundFile, { ownedByRoot }: SourceRoot): void {
  if (!ownedByRoot) chownSync(directory, Number(stat.uid), Number(stat.gid));
  chmodSync(directory, Number(stat.mode) & 0o7777);
}

async function contextRoot(workshop: Workshop, name: string | undefined): Promise<SourceRoot & Disposable> {
  const { files } = await workshop.context(name);
  const root = openPlain(files.directory);
  const ignored = files.ignoreFile && ignoreMatcher(files.ignoreFile.text, files.ignoreFile.name);
  return { fd: root.fd, ignored, ownedByRoot: true, [Symbol.dispose]: () => root[Symbol.dispose]() };
}

async function otherRoot(
  workshop: Workshop,
  files: Exclude<NonNullable<StepMount["files"]>, { kind: "context" }>,
): Promise<SourceRoot & Disposable> {
  const root = openSnapshot(workshop.session, await workshop.snapshotOf(files));
  return {
    fd: root.fd,
    ignored: undefined,
    ownedByRoot: false,
    [Symbol.dispose]: () => root[Symbol.dispose](),
  };
}

/** COPY and ADD. */
import { type FileDigests, transientDigests } from "../cache/file-digests.ts";
import { cacheKey } from "../cache/key.ts";
import { digestMatches } from "../copy/digest.ts";
import { readMode } from "../copy/mode.ts";
import { ownerNamed } from "../copy/owner.ts";
import { findSources, type Matches, type SourceRoot } from "../copy/sources.ts";
import { ignoreMatcher } from "../dockerfile/index.ts";
import { BuildError } from "../errors.ts";
import type { FilesStep, Source } from "../graph/types.ts";
import { directoriesOf, type Snapshot } from "../layers.ts";
import type { FetchedSource } from "./fetch.ts";
import { openPlain, openSnapshot } from "./roots.ts";
import type { Prepared, Workshop } from "./types.ts";

/** One source with its files, whatever brought them here. */
export type Opened =
  | { readonly kind: "path"; readonly source: Extract<Source, { kind: "path" }>; readonly matches: Matches }
  | { readonly kind: "heredoc"; readonly name: string; readonly content: Buffer }
  | { readonly kind: "fetched"; readonly fetched: FetchedSource; readonly matches: Matches };

export async function prepareFiles(workshop: Workshop, step: FilesStep, below: Snapshot): Promise<Prepared> {
  const { session } = workshop;
  const owner = step.chown === undefined ? undefined : ownerNamed(step.chown, directoriesOf(below));
  const mode = step.chmod === undefined ? undefined : readMode(step.chmod);
  const parts = {
    kind: "files",
    // An independent layer is the same whatever is below it.
    parent: step.link ? null : below.id,
    destination: step.destination,
    owner: owner ?? null,
    mode: step.chmod ?? null,
    parents: step.parents,
    unpack: step.unpack ?? step.keyword === "ADD",
    epoch: session.options.sourceDateEpoch ?? null,
  };
  const opening = new Opening(workshop, step);
  const contentKey = async (): Promise<string> => {
    const opened = await opening.sources();
    return cacheKey({ ...parts, sources: opened.map((each) => describe(each, opening)) });
  };
  const quick = await opening.quickKey(parts);
  const key = quick ?? (await contentKey().catch((error: unknown) => opening.fail(error)));
  return {
    key,
    deeperKey:
      quick === undefined ? undefined : () => contentKey().catch((error: unknown) => opening.fail(error)),
    resultOf: (found) => (step.link ? cacheKey({ kind: "link", below: below.id, layer: found }) : found),
    async execute() {
      const { placeFiles } = await import("./place-files.ts");
      return placeFiles(await opening.sources(), { session, step, below, owner, mode });
    },
    [Symbol.dispose]: () => opening[Symbol.dispose](),
  };
}

/** The sources of one step, opened once and only when they are needed. */
class Opening implements Disposable {
  readonly #workshop: Workshop;
  readonly #step: FilesStep;
  readonly #open: Disposable[] = [];
  #sources: Promise<Opened[]> | undefined;
  digests: FileDigests = transientDigests;
  root: SourceRoot | undefined;

  constructor(workshop: Workshop, step: FilesStep) {
    this.#workshop = workshop;
    this.#step = step;
  }

  /** Where files come out of another root, which is known by its id, no file has to be looked at. */
  async quickKey(parts: object): Promise<string | undefined> {
    const { from, sources, exclude } = this.#step;
    if (from.kind === "context" || sources.some(({ kind }) => kind !== "path")) return undefined;
    const { id } = await this.#workshop.snapshotOf(from);
    return cacheKey({ ...parts, from: id, sources, exclude });
  }

  sources(): Promise<Opened[]> {
    this.#sources ??= this.#openAll();
    return this.#sources;
  }

  /** A file that is not there is the most common mistake of all. */
  fail(error: unknown): never {
    const { code, message } = error as { code?: string; message: string };
    if (code !== "ENOENT" || error instanceof BuildError) throw error;
    const missing = message.replace(/: not found$/, "");
    const { from, range } = this.#step;
    throw new BuildError(
      `failed to compute cache key: failed to calculate checksum: ${JSON.stringify(missing)}: not found`,
      {
        range,
        hint:
          from.kind === "context"
            ? "paths are relative to the build's context, and what .dockerignore names is not in it"
            : "paths are relative to the root of the stage or image",
        cause: error,
      },
    );
  }

  [Symbol.dispose](): void {
    for (const each of this.#open.splice(0)) each[Symbol.dispose]();
  }

  async #openAll(): Promise<Opened[]> {
    const { sources, exclude, parents } = this.#step;
    const opened: Opened[] = [];
    for (const source of sources) {
      if (source.kind === "heredoc") {
        const { name, content } = source.heredoc;
        opened.push({ kind: "heredoc", name, content: Buffer.from(content) });
      } else if (source.kind === "path") {
        this.root ??= await this.#openRoot();
        const matches = this.#keep(findSources(this.root, source.path, { exclude, parents }));
        opened.push({ kind: "path", source, matches });
      } else {
        const { fetchSource } = await import("./fetch.ts");
        const fetched = await fetchSource(this.#workshop.session, this.#step, source);
        const { fd } = this.#keep(openPlain(fetched.directory));
        const root = { fd, ignored: undefined, ownedByRoot: true };
        const matches = this.#keep(findSources(root, fetched.path, { exclude, parents: false }));
        opened.push({ kind: "fetched", fetched, matches });
      }
    }
    return opened;
  }

  async #openRoot(): Promise<SourceRoot> {
    const { from } = this.#step;
    if (from.kind !== "context") {
      const root = this.#keep(openSnapshot(this.#workshop.session, await this.#workshop.snapshotOf(from)));
      return { fd: root.fd, ignored: undefined, ownedByRoot: false };
    }
    const { files, digests } = await this.#workshop.context(from.name);
    this.digests = digests;
    const ignored = files.ignoreFile && ignoreMatcher(files.ignoreFile.text, files.ignoreFile.name);
    return { fd: this.#keep(openPlain(files.directory)).fd, ignored, ownedByRoot: true };
  }

  #keep<Of extends Disposable>(resource: Of): Of {
    this.#open.unshift(resource);
    return resource;
  }
}

function describe(opened: Opened, { root, digests }: Opening): unknown {
  if (opened.kind === "heredoc") return [opened.name, opened.content.toString()];
  if (opened.kind === "fetched") return opened.fetched.digest;
  return digestMatches(opened.matches.matches, root as SourceRoot, digests);
}

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
    return cacheKey({ ...parts, sources: await opening.describe() });
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
  readonly #sources = new Map<Source, Promise<Opened>>();
  /** Commits that sources were found to lead to. */
  readonly #commits = new Map<Source, string>();
  #digests: FileDigests = transientDigests;
  #root: SourceRoot | undefined;

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

  async sources(): Promise<Opened[]> {
    const opened: Opened[] = [];
    for (const source of this.#step.sources) opened.push(await this.#source(source));
    return opened;
  }

  /** What of the sources decides about the result. A repository is known by its commit, and not fetched for that. */
  async describe(): Promise<unknown[]> {
    const described: unknown[] = [];
    for (const source of this.#step.sources) {
      const identified = source.kind === "git" ? await this.#identify(source) : undefined;
      described.push(identified ?? this.#describe(await this.#source(source)));
    }
    return described;
  }

  /** A file that is not there is the most common mistake of all. */
  async fail(error: unknown): Promise<never> {
    const { code, message } = error as { code?: string; message: string };
    if (code !== "ENOENT" || error instanceof BuildError) throw error;
    const missing = message.replace(/: not found$/, "");
    throw new BuildError(
      `failed to compute cache key: failed to calculate checksum: ${JSON.stringify(missing)}: not found`,
      { range: this.#step.range, hint: await this.#hintFor(missing), cause: error },
    );
  }

  async #hintFor(missing: string): Promise<string> {
    const { from } = this.#step;
    if (from.kind !== "context") return "paths are relative to the root of the stage or image";
    const { missingHint } = await import("../context/missing.ts");
    return missingHint((await this.#workshop.context(from.name)).files, missing);
  }

  [Symbol.dispose](): void {
    for (const each of this.#open.splice(0)) each[Symbol.dispose]();
  }

  #source(source: Source): Promise<Opened> {
    const known = this.#sources.get(source) ?? this.#openSource(source);
    this.#sources.set(source, known);
    return known;
  }

  async #openSource(source: Source): Promise<Opened> {
    const { exclude, parents } = this.#step;
    if (source.kind === "heredoc") {
      const { name, content } = source.heredoc;
      return { kind: "heredoc", name, content: Buffer.from(content) };
    }
    if (source.kind === "path") {
      this.#root ??= await this.#openRoot();
      const matches = this.#keep(findSources(this.#root, source.path, { exclude, parents }));
      return { kind: "path", source, matches };
    }
    const fetched = await this.#fetch(source);
    const { fd } = this.#keep(openPlain(fetched.directory));
    const root = { fd, ignored: undefined, ownedByRoot: true };
    const matches = this.#keep(findSources(root, fetched.path, { exclude, parents: false }));
    return { kind: "fetched", fetched, matches };
  }

  async #fetch(source: Extract<Source, { kind: "url" | "git" }>): Promise<FetchedSource> {
    const { fetchFile, fetchRepository } = await import("./fetch.ts");
    const { session } = this.#workshop;
    if (source.kind === "url") return fetchFile(session, this.#step, source.url);
    return fetchRepository(session, this.#step, { url: source.url, commit: this.#commits.get(source) });
  }

  async #identify(source: Extract<Source, { kind: "git" }>): Promise<unknown> {
    const { identifyRepository } = await import("./fetch.ts");
    const identified = await identifyRepository(this.#workshop.session, this.#step, source.url);
    if (identified !== undefined) this.#commits.set(source, identified.commit);
    return identified?.digest;
  }

  #describe(opened: Opened): unknown {
    if (opened.kind === "heredoc") return [opened.name, opened.content.toString()];
    if (opened.kind === "fetched") return opened.fetched.digest;
    return digestMatches(opened.matches.matches, this.#root as SourceRoot, this.#digests);
  }

  async #openRoot(): Promise<SourceRoot> {
    const { from } = this.#step;
    if (from.kind !== "context") {
      const root = this.#keep(openSnapshot(this.#workshop.session, await this.#workshop.snapshotOf(from)));
      return { fd: root.fd, ignored: undefined, ownedByRoot: false };
    }
    const { files, digests } = await this.#workshop.context(from.name);
    this.#digests = digests;
    const ignored = files.ignoreFile && ignoreMatcher(files.ignoreFile.text, files.ignoreFile.name);
    return { fd: this.#keep(openPlain(files.directory)).fd, ignored, ownedByRoot: true };
  }

  #keep<Of extends Disposable>(resource: Of): Of {
    this.#open.unshift(resource);
    return resource;
  }
}

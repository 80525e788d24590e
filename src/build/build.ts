/**
 * A build from its context to the image (ARCHITECTURE.md, "Builds"):
 *
 *     const { imageId } = await build(engine, { context: { kind: "directory", path: "." }, tags: ["app"] });
 */
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import type { Engine } from "../engine/engine.ts";
import { nameForNewImage } from "../engine/new-image.ts";
import { TsrunError } from "../errors.ts";
import { hostPlatform, type Platform, parsePlatform } from "../image/platform.ts";
import { holdStore } from "../store/images.ts";
import { sweepScratch } from "../store/scratch.ts";
import { stepsOf } from "./announce.ts";
import { baseImages } from "./base-images.ts";
import { openFileDigests } from "./cache/file-digests.ts";
import type { ImportedCache } from "./cache/import.ts";
import { type BuildContext, type ContextFiles, openContext, openFiles } from "./context/context.ts";
import { withoutPassword } from "./context/git-url.ts";
import { namedContextSource } from "./context/source.ts";
import { readDockerfile } from "./dockerfile/index.ts";
import type { Dockerfile, Range } from "./dockerfile/types.ts";
import { type Execution, startExecution } from "./execute.ts";
import { compile } from "./graph/compile.ts";
import type { Stage } from "./graph/types.ts";
import { type FinishedImage, finishImage } from "./image.ts";
import type { Snapshot } from "./layers.ts";
import { locate } from "./located.ts";
import { type OutputTarget, writeOutputs } from "./outputs.ts";
import { usersOfRuns } from "./run/users.ts";
import { openSession, type Session } from "./session.ts";
import { type StepCounter, stepCounter } from "./step-counter.ts";
import type { OpenContext } from "./steps/types.ts";
import type { BuildOptions, BuildResult } from "./types.ts";
import { checkBuild } from "./warnings.ts";

/**
 * Builds an image, or what the outputs say. Throws DockerfileError, BuildError (ERR_TSRUN_BUILD_FAILED), and what
 * contexts, images and steps throw; placeOfError() tells where in the Dockerfile such an error lies.
 */
export async function build(engine: Engine, options: BuildOptions): Promise<BuildResult> {
  const { context } = engine;
  const users = await usersOfRuns(context.config, options);
  if (options.resources) await validateResources(options.resources);
  const names = (options.tags ?? []).map(nameForNewImage);
  const agents = await agentsOf(options);
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  using _store = await holdStore(context.paths, { signal });
  sweepScratch(context.paths);
  await using session = openSession(context, options, {
    signal,
    slots: Math.max(2, availableParallelism()),
    users,
    agents,
  });
  const counter = stepCounter(session.emit);
  await using files = await openMainContext(session, counter);
  let first: { error: unknown } | undefined;
  const fail = (error: unknown): void => {
    first ??= { error };
    failed.abort(error);
  };
  try {
    const dockerfile = readDockerfile(files.dockerfile.text, files.dockerfile.name);
    await using contexts = namedContexts(session, files);
    const images = baseImages(session, (name) => counter.internal(name));
    const platforms = platformsOf(options);
    const buildArgs = buildArguments(options);
    const stages: { platform: Platform; stage: Stage }[] = [];
    for (const platform of platforms) {
      const stage = await compile(dockerfile, {
        target: options.target,
        platform,
        showPlatform: platforms.length > 1,
        buildArgs,
        noCache: options.noCache ?? false,
        namedContext: contexts.kindOf,
        loadImage: (reference, wanted) => images.load(reference, wanted),
        allows: (entitlement) => options.allow?.includes(entitlement) ?? false,
        hasOwnUsers: users !== undefined,
        announce: counter.next,
      });
      stages.push({ platform, stage });
    }
    const warnings = checkBuild(dockerfile, { options, buildArgs, files, imageOf: images.loaded });
    for (const warning of warnings) session.emit({ type: "warning", step: 1, warning });
    for (const event of stepsOf(stages.map(({ stage }) => stage))) session.emit(event);
    const imported = await importedCaches(session, counter);
    const execution = startExecution({ session, context: contexts.open }, imported, fail);
    let targets: OutputTarget[];
    try {
      targets = await Promise.all(stages.map(({ stage }) => finished(session, stage, execution)));
    } finally {
      // What was executed is known to the cache, whatever came of the rest.
      await execution.settled().catch(fail);
    }
    if (first) throw first.error;
    const records = {
      all: await execution.recordsOf(),
      target: await execution.recordsOf(stages.map(({ stage }) => stage)),
    };
    const result = await writeOutputs(session, { targets, names, counter, records: records.target });
    if (options.cacheTo?.length) {
      const { exportCaches } = await import("./cache/export.ts");
      await exportCaches(session, records, counter);
    }
    return { ...result, warnings };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw placed(first?.error ?? error, files);
  }
}

async function validateResources(resources: NonNullable<BuildOptions["resources"]>): Promise<void> {
  const { detectCgroupDriver } = await import("../runtime/cgroup/detect.ts");
  detectCgroupDriver().validate(resources);
}

async function agentsOf({ ssh = [] }: BuildOptions): Promise<Session["agents"]> {
  if (ssh.length === 0) return new Map();
  const { openAgents } = await import("./ssh/sources.ts");
  return openAgents(ssh);
}

async function importedCaches(session: Session, counter: StepCounter): Promise<ImportedCache> {
  if (!session.options.cacheFrom?.length) return { find: async () => undefined };
  const { importCaches } = await import("./cache/import.ts");
  return importCaches(session, counter);
}

async function squash(session: Session, stage: Stage, snapshot: Snapshot): Promise<Snapshot> {
  const { squashed } = await import("./squash.ts");
  return squashed(session, snapshot, baseLayers(stage));
}

/** How many layers its base image has, however many stages are in between. */
function baseLayers({ base }: Stage): number {
  if (base.kind === "stage") return baseLayers(base.stage);
  return base.kind === "image" ? base.image.snapshot.layers.length : 0;
}

/** One image to be, with the root that it has. */
async function finished(session: Session, stage: Stage, execution: Execution): Promise<OutputTarget> {
  const built = await execution.stage(stage);
  const snapshot = session.options.squash ? await squash(session, stage, built) : built;
  const image: FinishedImage = await finishImage({ stage, snapshot }, execution, session.options);
  return { snapshot, image };
}

async function openMainContext(session: Session, counter: StepCounter): Promise<BuildContext> {
  const { context, options, signal } = session;
  const step = counter.internal(`[internal] load ${contextTitle(options)}`);
  return session.during(step, () =>
    openContext(context, options.context, {
      signal,
      ...(options.dockerfile && { dockerfile: options.dockerfile }),
      onProgress: (current, total) =>
        session.emit({
          type: "progress",
          step,
          id: "context",
          current,
          ...(total !== undefined && { total }),
          done: current === total,
        }),
    }),
  );
}

function contextTitle(options: BuildOptions): string {
  const { context } = options;
  if (context.kind === "git") return `git source ${withoutPassword(context.url)}`;
  if (context.kind === "url") return `remote build context ${withoutPassword(context.url)}`;
  if (context.kind === "stream") return "build context from standard input";
  return `build definition from ${dockerfileName(options)}`;
}

const dockerfileName = ({ dockerfile }: BuildOptions): string =>
  dockerfile && "path" in dockerfile ? basename(dockerfile.path) : "Dockerfile";

interface NamedContexts extends AsyncDisposable {
  kindOf(name: string): { kind: "image"; reference: string } | { kind: "context" } | undefined;
  open(name: string | undefined): Promise<OpenContext>;
}

/** Contexts by name, each opened when a step first asks for it; undefined is the build's own. */
function namedContexts(session: Session, main: BuildContext): NamedContexts {
  const { context, options, signal } = session;
  const given = new Map(
    Object.entries(options.namedContexts ?? {}).map(([name, text]) => [
      name.toLowerCase(),
      namedContextSource(text, process.cwd()),
    ]),
  );
  const open = new Map<string | undefined, Promise<OpenContext>>();
  const opened: ContextFiles[] = [];
  const digestsOf = (files: ContextFiles): OpenContext => ({
    files,
    digests: openFileDigests(session.paths, files.directory),
  });
  return {
    kindOf(name) {
      const source = given.get(name.toLowerCase());
      if (source === undefined) return undefined;
      return source.kind === "image" ? source : { kind: "context" };
    },
    open(name) {
      const known = open.get(name?.toLowerCase());
      if (known) return known;
      const opening = (async () => {
        if (name === undefined) return digestsOf(main);
        const source = given.get(name.toLowerCase());
        if (source === undefined || source.kind === "image") throw new RangeError(`no context ${name}`);
        const files = await openFiles(context, source, { signal });
        opened.push(files);
        return digestsOf(files);
      })();
      open.set(name?.toLowerCase(), opening);
      return opening;
    },
    async [Symbol.asyncDispose]() {
      for (const opening of open.values()) (await opening.catch(() => undefined))?.digests.save();
      for (const files of opened) await files[Symbol.asyncDispose]();
    },
  };
}

function platformsOf({ platforms = [] }: BuildOptions): Platform[] {
  return platforms.length > 0 ? platforms.map(parsePlatform) : [hostPlatform()];
}

/** One without a value has that of this process's environment; where there is none it was not given. */
function buildArguments({ buildArgs = {}, sourceDateEpoch }: BuildOptions): ReadonlyMap<string, string> {
  const given = Object.entries(buildArgs).flatMap(([key, value]): [string, string][] => {
    const known = value ?? process.env[key];
    return known === undefined ? [] : [[key, known]];
  });
  const epoch: [string, string][] =
    sourceDateEpoch === undefined ? [] : [["SOURCE_DATE_EPOCH", String(sourceDateEpoch)]];
  return new Map([...epoch, ...given]);
}

/** Who shows the error can show the lines that it is about. */
function placed(error: unknown, { dockerfile }: BuildContext): unknown {
  const range = (error as { range?: Range } | undefined)?.range;
  return error instanceof TsrunError && range ? locate(error, { file: dockerfile, range }) : error;
}

export type { Dockerfile };

/**
 * The graph at work. A stage is executed when somebody asks for it, once, whoever asks; so independent stages go on at the
 * same time, and within a stage a step begins as soon as the one before has ended, while that one's layer is still packed.
 */
import { randomBytes } from "../kernel/random.ts";
import { type CacheRecord, useCacheRecord, writeCacheRecord } from "../store/build-cache.ts";
import { layerInfo } from "../store/layers.ts";
import { filesOf } from "./announce.ts";
import type { Records } from "./cache/exported.ts";
import type { ImportedCache } from "./cache/import.ts";
import { atStep } from "./errors.ts";
import type { Stage, Step } from "./graph/types.ts";
import { type Layer, type Snapshot, storedLayer } from "./layers.ts";
import { prepareFiles } from "./steps/files.ts";
import { prepareRun } from "./steps/run.ts";
import type { Made, Prepared, Workshop } from "./steps/types.ts";
import { prepareWorkdir } from "./steps/workdir.ts";

/** How a step has come out. */
export interface Outcome {
  /** undefined: it has written nothing. */
  readonly layer: Layer | undefined;
  /** RFC 3339; of a step that was not executed, when it was. */
  readonly created: string;
  /** What the cache knows of it; resolves when its layer is the store's. */
  readonly records: Promise<Records>;
}

export interface Execution {
  /** The root of a stage when all its steps are done. Rejects with the error of the first step that fails. */
  stage(stage: Stage): Promise<Snapshot>;
  outcomeOf(step: Step): Outcome | undefined;
  /** What the cache knows of these stages' steps, or of all that were asked for. */
  recordsOf(stages?: readonly Stage[]): Promise<Records>;
  /** Resolves when all layers are the store's and the cache knows of all steps; rejects where one could not be packed. */
  settled(): Promise<void>;
}

export function startExecution(
  workshop: Omit<Workshop, "snapshotOf">,
  imported: ImportedCache,
  fail: (error: unknown) => void,
): Execution {
  const stages = new Map<Stage, Promise<Snapshot>>();
  const outcomes = new Map<Step, Outcome>();
  const pending: Promise<unknown>[] = [];
  const whole: Workshop = {
    ...workshop,
    snapshotOf: async (files) => (files.kind === "image" ? files.image.snapshot : once(files.stage)),
  };
  const once = (stage: Stage): Promise<Snapshot> => {
    const known = stages.get(stage);
    if (known) return known;
    const running = executeStage(whole, stage, { outcomes, pending, imported });
    running.catch(fail);
    stages.set(stage, running);
    return running;
  };
  return {
    stage: once,
    outcomeOf: (step) => outcomes.get(step),
    async recordsOf(wanted = [...stages.keys()]) {
      const steps = wanted.flatMap(withBases).flatMap((stage) => stage.steps);
      const records = await Promise.all(steps.map((step) => outcomes.get(step)?.records));
      return Object.assign({}, ...records) as Records;
    },
    async settled() {
      for (const result of await Promise.allSettled(pending))
        if (result.status === "rejected") throw result.reason;
    },
  };
}

/** A stage and those that it begins with. */
const withBases = (stage: Stage): Stage[] =>
  stage.base.kind === "stage" ? [stage, ...withBases(stage.base.stage)] : [stage];

interface Results {
  outcomes: Map<Step, Outcome>;
  pending: Promise<unknown>[];
  imported: ImportedCache;
}

async function executeStage(workshop: Workshop, stage: Stage, results: Results): Promise<Snapshot> {
  const { base, steps } = stage;
  // What they take files from is begun with, not waited for.
  for (const files of steps.flatMap(filesOf))
    if (files.kind === "stage") void workshop.snapshotOf(files).catch(() => {});
  if (stage.fromStep !== undefined) {
    workshop.session.emit({ type: "started", step: stage.fromStep, at: new Date() });
    workshop.session.emit({ type: "cached", step: stage.fromStep });
    workshop.session.emit({ type: "finished", step: stage.fromStep, at: new Date() });
  }
  let snapshot: Snapshot =
    base.kind === "scratch" ? { id: "scratch", layers: [] } : await workshop.snapshotOf(base);
  for (const step of steps) snapshot = await executeStep(workshop, { step, below: snapshot, results });
  return snapshot;
}

async function executeStep(
  workshop: Workshop,
  { step, below, results }: { step: Step; below: Snapshot; results: Results },
): Promise<Snapshot> {
  const { session } = workshop;
  // It has not started while it waits for others.
  for (const files of filesOf(step)) if (files.kind === "stage") await workshop.snapshotOf(files);
  session.signal.throwIfAborted();
  return await session.during(step.number, async () => {
    try {
      using prepared = await prepare(workshop, step, below);
      const cached = step.ignoresCache ? undefined : await fromCache(workshop, prepared, results.imported);
      if (cached) session.emit({ type: "cached", step: step.number });
      const done = cached ?? (await executeNow(workshop, { step, prepared, results }));
      results.outcomes.set(step, done);
      return { id: done.id, layers: done.layer ? [...below.layers, done.layer] : below.layers };
    } catch (error) {
      throw atStep(error, step.range);
    }
  });
}

function prepare(workshop: Workshop, step: Step, below: Snapshot): Promise<Prepared> {
  if (step.kind === "run") return prepareRun(workshop, step, below);
  return step.kind === "files" ? prepareFiles(workshop, step, below) : prepareWorkdir(workshop, step, below);
}

type Done = Outcome & { id: string };

async function fromCache(
  { session: { paths } }: Workshop,
  prepared: Prepared,
  imported: ImportedCache,
): Promise<Done | undefined> {
  const keys = [prepared.key];
  const unknown: string[] = [];
  const look = async (key: string): Promise<CacheRecord | undefined> => {
    const known = useCacheRecord(paths, key);
    if (known === undefined) unknown.push(key);
    return known ?? (await imported.find(key));
  };
  let record = await look(prepared.key);
  const deeper = record === undefined ? await prepared.deeperKey?.() : undefined;
  if (deeper !== undefined) {
    keys.push(deeper);
    record = await look(deeper);
  }
  if (record === undefined) return undefined;
  for (const key of unknown) writeCacheRecord(paths, key, record);
  const { layer, result, created } = record;
  const records = Object.fromEntries(keys.map((key) => [key, record]));
  return {
    id: result,
    layer: layer === null ? undefined : storedLayer(paths, layer),
    created,
    records: Promise.resolve(records),
  };
}

async function executeNow(
  workshop: Workshop,
  { step, prepared, results }: { step: Step; prepared: Prepared; results: Results },
): Promise<Done> {
  const { session } = workshop;
  const made = await prepared.execute();
  const created = new Date().toISOString();
  // Of a step that is not to be found again the result must not be mistaken for an earlier one.
  const deeper = await prepared.deeperKey?.();
  const id = prepared.resultOf?.(deeper ?? prepared.key) ?? randomBytes(32).toString("hex");
  const layer = await layerOf(workshop, made);
  const keys = [prepared.key, ...(deeper === undefined ? [] : [deeper])];
  const records = record(workshop, { keys, id, layer, created, step }).catch((error: unknown) => {
    throw atStep(error, step.range);
  });
  records.catch(() => {}); // met when all are waited for
  results.pending.push(records);
  // Times are set while it is packed, and what comes next should see them.
  if (session.options.sourceDateEpoch !== undefined) await records;
  return { id, layer, created, records };
}

async function layerOf({ session }: Workshop, { work }: Made): Promise<Layer | undefined> {
  if (work === undefined) return undefined;
  const { makeLayer } = await import("./make-layer.ts");
  return makeLayer(session, work);
}

async function record(
  { session: { paths } }: Workshop,
  what: { keys: readonly string[]; id: string; layer: Layer | undefined; created: string; step: Step },
): Promise<Records> {
  const { keys, id, layer, created, step } = what;
  const diffId = (await layer?.stored) ?? null;
  const size = diffId === null ? 0 : (layerInfo(paths, diffId)?.size ?? 0);
  const done: CacheRecord = { version: 1, result: id, layer: diffId, created, description: step.name, size };
  for (const key of keys) writeCacheRecord(paths, key, done);
  return Object.fromEntries(keys.map((key) => [key, done]));
}

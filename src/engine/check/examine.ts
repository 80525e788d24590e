/**
 * Looks at everything that the store holds and says what is wrong. Nothing is changed. The store is held meanwhile, so
 * that nothing that is being looked at is removed; containers come and go.
 */
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { parseConfiguration } from "../../image/config-document.ts";
import { isDigest } from "../../image/digest.ts";
import { type Descriptor, parseManifest } from "../../image/manifest.ts";
import { blobPath, hasBlob, readBlob } from "../../store/blobs.ts";
import type { LayerDescription } from "../../store/check/renew-layer.ts";
import { type VerifyOptions, verifyInWorker } from "../../store/check/verify-client.ts";
import { type VerifyJob, verifyLayer } from "../../store/check/verify-layer.ts";
import { holdStore, type ImageIndex, type ImageRecord, readImages } from "../../store/images.ts";
import { type LayerInfo, layerInfo, layerPath, pendingBlobPath } from "../../store/layers.ts";
import { resolveName } from "../../store/names.ts";
import { blobsDir, containerDir, type Paths } from "../../store/paths.ts";
import { recordsById } from "../../store/references.ts";
import { mountsOf } from "../mounts.ts";
import { containerIds, readRecord } from "../records.ts";
import { namesOf } from "../resolve-image.ts";
import type { ContainerRecord } from "../types.ts";
import type { CheckOptions, Fault, StoreReport } from "./report.ts";

export interface Examined {
  faults: Fault[];
  checked: StoreReport["checked"];
}

/** Threads that read at once: more than this many streams make a disk slower, not faster. */
const MOST_THREADS = 4;

export async function examine(
  paths: Paths,
  { onProgress, signal }: Omit<CheckOptions, "repair">,
): Promise<Examined> {
  using _held = await holdStore(paths, signal ? { signal } : {});
  const faults: Fault[] = [];
  const index = readIndex(paths, faults);
  const containers = readContainers(paths, faults);
  const wanted = new Map<string, WantedLayer>();
  const documents = new Set<string>();
  for (const [id, records] of recordsById(index))
    for (const record of records) examineImage(paths, { id, record, index, wanted, documents, faults });
  for (const container of containers) examineContainer(paths, container, wanted, faults);

  const jobs: Job[] = [];
  for (const layer of wanted.values()) {
    const job = layerJob(paths, layer, faults);
    if (job) jobs.push(job);
  }
  const covered = new Set([...jobs.map(({ job }) => job.blob), ...documents]);
  for (const blob of otherBlobs(paths, covered)) jobs.push(blobJob(blob));

  const progress = createProgress(jobs, onProgress);
  await inParallel(jobs, async (item) => {
    signal?.throwIfAborted();
    const done = progress();
    const { blobFault, differences } = await verify(item, { onProgress: done, signal });
    if (blobFault !== undefined) faults.push(item.damagedBlob(blobFault));
    if (differences !== undefined && differences.count > 0 && item.differs)
      faults.push(item.differs(differences.count, differences.first));
  });
  const bytes = jobs.reduce((sum, { bytes }) => sum + bytes, 0);
  const layers = jobs.filter(({ job }) => job.layer).length;
  const images = Object.keys(index.known).length;
  const blobs = jobs.length + documents.size;
  return { faults, checked: { images, blobs, layers, containers: containers.length, bytes } };
}

/** Starting a thread takes longer than reading as little as this. */
const INLINE_BYTES = 4 * 1024 * 1024;

async function verify({ job, bytes }: Job, options: VerifyOptions & { onProgress: (bytes: number) => void }) {
  const run = (each: VerifyJob) =>
    bytes > INLINE_BYTES ? verifyInWorker(each, options) : verifyLayer(each, options.onProgress);
  const verified = await run(job);
  // A pull that was under way has committed the layer meanwhile, and its blob got its name.
  const moved = job.blob.endsWith(".pending") && !existsSync(job.blob);
  return moved ? await run({ ...job, blob: job.blob.replace(/\.pending$/, "") }) : verified;
}

/** A layer that an image or a container needs. */
interface WantedLayer {
  diffId: string;
  /** Familiar names of the images, and what else needs it, for messages. */
  users: Set<string>;
  /** Canonical names to fetch it by. */
  names: Set<string>;
  /** As a manifest describes it; unknown where only containers need it. */
  descriptor: Descriptor | undefined;
}

interface Job {
  job: VerifyJob;
  bytes: number;
  damagedBlob(why: string): Fault;
  differs?(count: number, first: string[]): Fault;
}

function fault(subject: string, message: string, more: Partial<Fault> = {}): Fault {
  return { subject, message, details: [], remedy: undefined, ...more };
}

function readIndex(paths: Paths, faults: Fault[]): ImageIndex {
  const empty: ImageIndex = { version: 1, names: {}, known: {} };
  let index: ImageIndex;
  try {
    index = readImages(paths);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    faults.push(fault("images", error.message, { remedy: { type: "images" } }));
    return empty;
  }
  if (index.version !== 1 || ![index.names, index.known].every((part) => isRecords(part))) {
    const what = `${paths.root}/images.json is not an index of images as this version of tsrun writes it`;
    faults.push(fault("images", what, { remedy: { type: "images" } }));
    return empty;
  }
  for (const [name, { config }] of Object.entries(index.names)) {
    if (Object.hasOwn(index.known, config)) continue;
    faults.push(
      fault(`name ${name}`, `the name ${name} stands for an image that is not known`, {
        remedy: { type: "name", name },
      }),
    );
  }
  return index;
}

function isRecords(part: unknown): boolean {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return false;
  return Object.values(part as Record<string, Partial<ImageRecord> | null>).every((record) =>
    [record?.target?.digest, record?.manifest, record?.config].every(isDigest),
  );
}

function readContainers(paths: Paths, faults: Fault[]): ContainerRecord[] {
  return containerIds(paths).flatMap((id) => {
    try {
      return readRecord(paths, id) ?? [];
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      const advice = `restore it from a backup, or remove the container's directory ${containerDir(paths, id)}`;
      faults.push(fault(`container ${id}`, `container ${id.slice(0, 12)}: ${error.message}`, { advice }));
      return [];
    }
  });
}

/** The directories of a container's overlay; in the first is what it has written, which nobody can make again. */
const PARTS = [
  ["upper", undefined],
  ["work", 0o700],
  ["merged", 0o755],
] as const;

interface ImageToExamine {
  id: string;
  record: ImageRecord;
  index: ImageIndex;
  wanted: Map<string, WantedLayer>;
  /** Paths of the blobs that were looked at here. */
  documents: Set<string>;
  faults: Fault[];
}

function examineImage(paths: Paths, { id, record, index, wanted, documents, faults }: ImageToExamine): void {
  const familiar = namesOf(index, id);
  const title = familiar.names[0] ?? familiar.digests[0] ?? id.slice(0, 19);
  const names = Object.keys(index.names).filter((name) => index.names[name]?.config === id);
  const document = (digest: string, role: "manifest" | "configuration"): Buffer | undefined => {
    const isSeen = documents.has(blobPath(paths, digest));
    documents.add(blobPath(paths, digest));
    const bytes = readBlob(paths, digest);
    if (bytes !== undefined || isSeen) return bytes;
    const state = hasBlob(paths, digest) ? "damaged" : "missing";
    const what = `the ${role} of image ${title} (${digest}) is ${state}`;
    faults.push(fault(`blob ${digest}`, what, { remedy: { type: "document", digest, role, names } }));
    return undefined;
  };
  if (record.target.digest !== record.manifest) document(record.target.digest, "manifest");
  const manifest = document(record.manifest, "manifest");
  const config = document(record.config, "configuration");
  if (!manifest || !config) return;
  try {
    const parsed = parseManifest(manifest, "");
    const descriptors = parsed.kind === "manifest" ? parsed.layers : [];
    parseConfiguration(config).diffIds.forEach((diffId, i) => {
      const layer = want(wanted, diffId);
      layer.users.add(title);
      for (const name of names) layer.names.add(name);
      layer.descriptor ??= descriptors[i];
    });
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    faults.push(
      fault(`image ${id}`, `image ${title}: ${error.message}`, { advice: `remove it: tsrun rmi ${title}` }),
    );
  }
}

function want(wanted: Map<string, WantedLayer>, diffId: string): WantedLayer {
  const present = wanted.get(diffId);
  if (present) return present;
  const layer = { diffId, users: new Set<string>(), names: new Set<string>(), descriptor: undefined };
  wanted.set(diffId, layer);
  return layer;
}

function examineContainer(
  paths: Paths,
  record: ContainerRecord,
  wanted: Map<string, WantedLayer>,
  faults: Fault[],
): void {
  const { id, name } = record;
  const mounted = mountsOf(record).flatMap((mount) => (mount.type === "image" ? mount.layers : []));
  for (const diffId of [...record.layers, ...mounted]) want(wanted, diffId).users.add(`container ${name}`);
  for (const [part, mode] of PARTS) {
    const path = join(containerDir(paths, id), part);
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    if (!readRecord(paths, id)) return; // it was removed meanwhile
    const cure: Partial<Fault> =
      mode === undefined
        ? { advice: "restore it from a backup, or remove the container" }
        : { remedy: { type: "directory", path, mode } };
    faults.push(fault(path, `container ${name} has lost its directory ${part}`, cure));
  }
  const holder = resolveName(paths, name);
  if (holder === id || readRecord(paths, id)?.name !== name) return;
  const leads = holder === undefined ? "nowhere" : `to container ${holder.slice(0, 12)}`;
  const what = `the name of container ${name} (${id.slice(0, 12)}) leads ${leads}`;
  faults.push(fault(`container name ${name}`, what, { remedy: { type: "container-name", id, name } }));
}

/** What to verify of a layer; undefined where it is missing, wholly or its blob, which is a fault already. */
function layerJob(paths: Paths, layer: WantedLayer, faults: Fault[]): Job | undefined {
  const { diffId, users, descriptor } = layer;
  const names = [...layer.names];
  const info = layerInfo(paths, diffId);
  const description = info ?? described(diffId, descriptor);
  const title = `layer ${diffId} of ${[...users].join(", ")}`;
  if (info === undefined) {
    const advice = description ? {} : { advice: "pull the image that the container was made of again" };
    const remedy = description && ({ type: "layer", layer: description } as const);
    faults.push(fault(`layer ${diffId}`, `${title} is missing`, { remedy, ...advice }));
  }
  if (description === undefined) return undefined;
  const { digest } = description;
  const remedy = { type: "blob", layer: description, names } as const;
  const file = presentBlob(paths, description, info);
  if (file === undefined) {
    faults.push(fault(`blob ${digest}`, `blob ${digest} of ${title} is missing`, { remedy }));
    return undefined;
  }
  return {
    job: { blob: file, digest, ...(info && { layer: layerOf(paths, info) }) },
    bytes: description.compressedSize + (info?.size ?? 0),
    damagedBlob: (why) =>
      fault(`blob ${digest}`, `blob ${digest} of ${title} is damaged: ${why}`, { remedy }),
    differs: (count, details) => {
      const what = `${title} differs from its blob in ${count === 1 ? "one file" : `${count} files`}`;
      return fault(`layer ${diffId}`, what, { details, remedy: { type: "layer", layer: description } });
    },
  };
}

function layerOf(paths: Paths, { diffId, droppedXattrs = [] }: LayerInfo): NonNullable<VerifyJob["layer"]> {
  return { tree: layerPath(paths, diffId), diffId, droppedXattrs };
}

function described(diffId: string, descriptor: Descriptor | undefined): LayerDescription | undefined {
  if (!descriptor) return undefined;
  const { digest, mediaType, size } = descriptor;
  return { diffId, digest, mediaType, compressedSize: size };
}

/** The file of a layer's blob, which before the layer's commit has its other name. */
function presentBlob(
  paths: Paths,
  { digest }: LayerDescription,
  info: LayerInfo | undefined,
): string | undefined {
  if (hasBlob(paths, digest)) return blobPath(paths, digest);
  const pending = pendingBlobPath(paths, digest);
  return info?.boot !== undefined && lstatSync(pending, { throwIfNoEntry: false }) ? pending : undefined;
}

/** Blobs that no layer was unpacked from: documents, other compressions of a layer, what nothing needs. */
function otherBlobs(
  paths: Paths,
  covered: ReadonlySet<string>,
): { path: string; digest: string; bytes: number }[] {
  let names: string[];
  try {
    names = readdirSync(blobsDir(paths));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => ({ path: join(blobsDir(paths), name), digest: `sha256:${name}` }))
    .filter(({ path }) => !covered.has(path))
    .flatMap(({ path, digest }) => {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat ? [{ path, digest, bytes: stat.size }] : [];
    });
}

function blobJob({ path, digest, bytes }: { path: string; digest: string; bytes: number }): Job {
  return {
    job: { blob: path, digest },
    bytes,
    damagedBlob: (why) =>
      fault(`blob ${digest}`, `blob ${digest}, which no layer was made of, is damaged: ${why}`, {
        remedy: { type: "stray", path },
      }),
  };
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(MOST_THREADS, availableParallelism()) }, lane));
}

function createProgress(
  jobs: readonly Job[],
  onProgress: CheckOptions["onProgress"] = () => {},
): () => (bytes: number) => void {
  const totalBytes = jobs.reduce((sum, { bytes }) => sum + bytes, 0);
  let doneBytes = 0;
  return () => (bytes) => {
    doneBytes += bytes;
    onProgress({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
  };
}

/**
 * system df: what the data root takes of the disk, to the block. Every file of it is counted in exactly one place, so
 * that the sums are what du(1) says of the whole.
 */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { buildDir, cacheMountsDir, cacheRecords, contextDigestsDir } from "../store/build-cache.ts";
import { isCacheMountInUse } from "../store/cache-mounts.ts";
import { type UsageMeter, usageMeter } from "../store/disk-usage.ts";
import { readImages } from "../store/images.ts";
import {
  blobsDir,
  containerDir,
  containersDir,
  imagesFile,
  layersDir,
  namesDir,
  type Paths,
  tmpDir,
  volumeDir,
  volumesDir,
} from "../store/paths.ts";
import {
  objectsOfImage,
  objectsOfImages,
  objectsOfLayers,
  recordsById,
  type StoreObjects,
  union,
} from "../store/references.ts";
import { deadScratch } from "../store/scratch.ts";
import type { ImageSummary } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { listImages } from "./images.ts";
import { listContainers } from "./list.ts";
import type { ContainerSummary } from "./types.ts";
import { readVolumes } from "./volumes/records.ts";
import { volumeUsers } from "./volumes/users.ts";
import { LOCAL_DRIVER } from "./volumes/validate.ts";

export interface UsageTotal {
  /** How many there are, and how many of them are in use. */
  count: number;
  active: number;
  bytes: number;
  /** What would be there no more if all that is not in use were removed. */
  reclaimable: number;
}

export interface ImageUsage {
  image: ImageSummary;
  /** Blobs and unpacked layers. */
  bytes: number;
  /** The part of it that other images need as well. */
  shared: number;
  /** Ids of the containers that were made of it. */
  containers: string[];
}

export interface ContainerUsage {
  container: ContainerSummary;
  /** Writable layer, log and documents. */
  bytes: number;
}

export interface VolumeUsage {
  name: string;
  /** How many containers have it. */
  links: number;
  bytes: number;
}

export interface DiskUsage {
  /** The sum of the five below. */
  bytes: number;
  images: UsageTotal & {
    items: ImageUsage[];
    /** Blobs and layers that no image needs, as an interrupted pull leaves them for the next. */
    unreferenced: number;
  };
  containers: UsageTotal & { items: ContainerUsage[] };
  volumes: UsageTotal & { items: VolumeUsage[] };
  buildCache: UsageTotal;
  /** Everything else below the data root: the journal, caches, work in progress. */
  other: UsageTotal & { items: { path: string; bytes: number }[] };
}

export async function diskUsage(context: EngineContext): Promise<DiskUsage> {
  const { paths } = context;
  const containers = await listContainers(context);
  const meter = usageMeter();
  const sizes = objectSizes(paths, meter);
  const buildCache = buildCacheUsage(context, { containers, sizes, meter });
  const images = imageUsage(paths, containers, { meter, sizes: without(sizes, buildCache.objects) });
  const used = containerUsage(paths, containers, meter);
  const volumes = volumeUsage(paths, meter);
  const other = otherUsage(paths, meter);
  const bytes = [images, used, volumes, buildCache.total, other].reduce((sum, part) => sum + part.bytes, 0);
  return { bytes, images, containers: used, volumes, buildCache: buildCache.total, other };
}

/**
 * What steps of builds have left for the next: layers that are part of no image, nor of a container's, the records that
 * lead to them, and what RUNs keep in cache mounts.
 */
function buildCacheUsage(
  { paths }: EngineContext,
  {
    containers,
    sizes,
    meter,
  }: { containers: readonly ContainerSummary[]; sizes: ReadonlyMap<string, number>; meter: UsageMeter },
): { total: UsageTotal; objects: ReadonlySet<string> } {
  const records = cacheRecords(paths);
  const used = new Set(
    namesOf(
      union([
        objectsOfImages(paths, readImages(paths)),
        objectsOfLayers(
          paths,
          containers.flatMap(({ record }) => record.layers),
        ),
      ]),
    ),
  );
  const held = namesOf(
    objectsOfLayers(
      paths,
      records.flatMap(({ record }) => record.layer ?? []),
    ),
  );
  const objects = new Set(held.filter((name) => !used.has(name)));
  const results = new Set(records.map(({ record }) => record.result));
  const mounts = entriesOf(cacheMountsDir(paths)).map((name) => join(cacheMountsDir(paths), name));
  const active = mounts.filter(isCacheMountInUse);
  const inUse = measureAll(meter, active);
  const bytes = sum(sizes, [...objects]) + inUse + meter.measure(buildDir(paths));
  const count = results.size + mounts.length + entriesOf(contextDigestsDir(paths)).length;
  return { total: { count, active: active.length, bytes, reclaimable: bytes - inUse }, objects };
}

const without = (sizes: ReadonlyMap<string, number>, names: ReadonlySet<string>): Map<string, number> =>
  new Map([...sizes].filter(([name]) => !names.has(name)));

function imageUsage(
  paths: Paths,
  containers: readonly ContainerSummary[],
  { meter, sizes }: { meter: UsageMeter; sizes: ReadonlyMap<string, number> },
): DiskUsage["images"] {
  const index = readImages(paths);
  const objects = new Map(
    [...recordsById(index)].map(([id, records]) => [
      id,
      union(records.map((record) => objectsOfImage(paths, record))),
    ]),
  );
  const timesUsed = countUses(objects.values());
  const items = listImages(paths).map((image): ImageUsage => {
    const own = namesOf(objects.get(image.id));
    const shared = own.filter((name) => (timesUsed.get(name) ?? 0) > 1);
    return {
      image,
      bytes: sum(sizes, own),
      shared: sum(sizes, shared),
      containers: containers
        .filter(({ record }) => record.imageId === image.id)
        .map(({ record }) => record.id),
    };
  });
  const inUse = items.filter((item) => item.containers.length > 0);
  const needed = union([
    ...inUse.flatMap(({ image }) => objects.get(image.id) ?? []),
    objectsOfLayers(
      paths,
      containers.flatMap(({ record }) => record.layers),
    ),
  ]);
  const all = sum(sizes, [...sizes.keys()]);
  return {
    count: items.length,
    active: inUse.length,
    // The directories themselves and the index belong to all images together.
    bytes: all + measureAll(meter, [join(paths.root, "blobs"), layersDir(paths), imagesFile(paths)]),
    reclaimable: all - sum(sizes, namesOf(needed)),
    items,
    unreferenced: all - sum(sizes, namesOf(union(objects.values()))),
  };
}

/** Bytes of everything in blobs/ and layers/ by the names of `namesOf`. */
function objectSizes(paths: Paths, meter: UsageMeter): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const name of entriesOf(blobsDir(paths)))
    sizes.set(`blob ${name}`, meter.measure(join(blobsDir(paths), name)));
  for (const name of entriesOf(layersDir(paths))) {
    const key = `layer ${name.replace(/\.json$/, "")}`;
    sizes.set(key, (sizes.get(key) ?? 0) + meter.measure(join(layersDir(paths), name)));
  }
  return sizes;
}

const namesOf = (objects: StoreObjects | undefined): string[] =>
  objects === undefined
    ? []
    : [
        ...[...objects.blobs].map((name) => `blob ${name}`),
        ...[...objects.layers].map((name) => `layer ${name}`),
      ];

function countUses(all: Iterable<StoreObjects>): Map<string, number> {
  const uses = new Map<string, number>();
  for (const objects of all) for (const name of namesOf(objects)) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

const sum = (sizes: ReadonlyMap<string, number>, names: readonly string[]): number =>
  names.reduce((total, name) => total + (sizes.get(name) ?? 0), 0);

function containerUsage(
  paths: Paths,
  containers: readonly ContainerSummary[],
  meter: UsageMeter,
): DiskUsage["containers"] {
  const items = containers.map((container) => ({
    container,
    bytes: meter.measure(containerDir(paths, container.record.id)),
  }));
  const total = items.reduce((all, { bytes }) => all + bytes, 0);
  const active = items.filter(({ container }) => container.state.pid !== 0);
  return {
    count: items.length,
    active: active.length,
    bytes: total + measureAll(meter, [containersDir(paths), namesDir(paths)]),
    reclaimable: total - active.reduce((all, { bytes }) => all + bytes, 0),
    items,
  };
}

/** Those of drivers are not here; of one that is mounted, what is below the mount is another filesystem's. */
function volumeUsage(paths: Paths, meter: UsageMeter): DiskUsage["volumes"] {
  const users = volumeUsers(paths);
  const items = readVolumes(paths)
    .filter(({ driver }) => driver === LOCAL_DRIVER)
    .map(({ name }) => ({
      name,
      links: users.get(name)?.length ?? 0,
      bytes: meter.measure(volumeDir(paths, name)),
    }));
  const total = items.reduce((all, { bytes }) => all + bytes, 0);
  const active = items.filter(({ links }) => links > 0);
  return {
    count: items.length,
    active: active.length,
    bytes: total + meter.measure(volumesDir(paths)),
    reclaimable: total - active.reduce((all, { bytes }) => all + bytes, 0),
    items,
  };
}

function otherUsage(paths: Paths, meter: UsageMeter): DiskUsage["other"] {
  const abandoned = measureAll(meter, deadScratch(paths));
  const items = entriesOf(paths.root)
    .map((name) => join(paths.root, name))
    .filter((path) => !COUNTED.has(basename(path)))
    .map((path) => ({ path, bytes: meter.measure(path) + (path === tmpDir(paths) ? abandoned : 0) }));
  // The root itself, and whatever has come since.
  const rest = meter.measure(paths.root);
  const bytes = items.reduce((total, item) => total + item.bytes, rest);
  return { count: items.length, active: 0, bytes, reclaimable: abandoned, items };
}

/** What the other rows are made of. */
const COUNTED = new Set(["blobs", "layers", "images.json", "containers", "names", "volumes", "build"]);

function measureAll(meter: UsageMeter, all: Iterable<string>): number {
  let total = 0;
  for (const path of all) total += meter.measure(path);
  return total;
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

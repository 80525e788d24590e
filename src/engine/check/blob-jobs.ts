/** What there is to verify: the blob of each layer with what was unpacked from it, and all other blobs. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../../image/manifest.ts";
import { blobPath, hasBlob } from "../../store/blobs.ts";
import type { LayerDescription } from "../../store/check/renew-layer.ts";
import type { VerifyJob } from "../../store/check/verify-layer.ts";
import { type LayerInfo, layerInfo, layerPath, pendingBlobPath } from "../../store/layers.ts";
import { blobsDir, type Paths } from "../../store/paths.ts";
import type { WantedLayer } from "./examine-records.ts";
import { type Fault, fault } from "./report.ts";

export interface Job {
  job: VerifyJob;
  bytes: number;
  damagedBlob(why: string): Fault;
  differs?(count: number, first: string[]): Fault;
}

/** What to verify of a layer; undefined where it is missing, wholly or its blob, which is a fault already. */
export function layerJob(paths: Paths, layer: WantedLayer, faults: Fault[]): Job | undefined {
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
export function otherBlobs(
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

export function blobJob({ path, digest, bytes }: { path: string; digest: string; bytes: number }): Job {
  return {
    job: { blob: path, digest },
    bytes,
    damagedBlob: (why) =>
      fault(`blob ${digest}`, `blob ${digest}, which no layer was made of, is damaged: ${why}`, {
        remedy: { type: "stray", path },
      }),
  };
}

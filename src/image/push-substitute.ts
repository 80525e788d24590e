/**
 * An image whose layers the store has in another compression than its manifest says: another image had the same layer
 * first. What is pushed then is a manifest of the blobs that are here; the configuration, and with it the image's id,
 * stays as it is.
 */
import { blobPath, hasBlob } from "../store/blobs.ts";
import { digestOf } from "../store/digest.ts";
import { layerInfo } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import { type Descriptor, parseManifest } from "./manifest.ts";
import { isDistributable, type PlannedBlob, type PlannedManifest } from "./push-plan.ts";

type Compression = "gzip" | "zstd" | "none";

interface Names {
  manifest: string;
  config: string;
  layers: Readonly<Partial<Record<Compression, string>>>;
}

const OCI: Names = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layers: {
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
    none: "application/vnd.oci.image.layer.v1.tar",
  },
};
/** Schema 2 has no name for zstd. */
const DOCKER: Names = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layers: {
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    none: "application/vnd.docker.image.rootfs.diff.tar",
  },
};

const compressionOf = (mediaType: string): Compression =>
  (/(gzip|zstd)$/.exec(mediaType)?.[1] as Compression | undefined) ?? "none";

/** Undefined where the store has no other blob of one of the missing layers either. */
export function withStoredLayers(
  paths: Paths,
  manifest: PlannedManifest,
  missing: ReadonlySet<string>,
): PlannedManifest | undefined {
  const parsed = parseManifest(manifest.bytes, manifest.mediaType);
  if (parsed.kind === "index") return undefined;
  const blobs = manifest.blobs.map((blob) => (missing.has(blob.digest) ? storedBlob(paths, blob) : blob));
  if (blobs.includes(undefined)) return undefined;
  const found = blobs as PlannedBlob[];
  const layers = found.slice(0, -1);
  const isDocker = parsed.mediaType === DOCKER.manifest;
  const names = isDocker && layers.every((layer) => nameIn(DOCKER, layer) !== undefined) ? DOCKER : OCI;

  const document = JSON.parse(manifest.bytes.toString("utf8")) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const isRenamed = parsed.mediaType !== names.manifest;
  const listed = layers.map((layer, i) => {
    const before = document.layers[i] as Descriptor;
    if (layer.digest === before.digest && !isRenamed) return before;
    return { ...before, mediaType: nameIn(names, layer), digest: layer.digest, size: layer.size };
  });
  const config = isRenamed ? { ...document.config, mediaType: names.config } : document.config;
  const bytes = Buffer.from(
    JSON.stringify({ ...document, mediaType: names.manifest, config, layers: listed }),
  );
  return { digest: digestOf(bytes), mediaType: names.manifest, bytes, blobs: found };
}

/** What the layer is called in a manifest of that kind; one that is not to be distributed keeps its name. */
const nameIn = (names: Names, { mediaType }: Descriptor): string | undefined =>
  isDistributable(mediaType) ? names.layers[compressionOf(mediaType)] : mediaType;

/** The blob that the layer was unpacked from here. */
function storedBlob(paths: Paths, blob: PlannedBlob): PlannedBlob | undefined {
  const info = blob.diffId === undefined ? undefined : layerInfo(paths, blob.diffId);
  if (info === undefined || info.digest === blob.digest || !hasBlob(paths, info.digest)) return undefined;
  const { mediaType, digest, compressedSize: size, diffId } = info;
  return { mediaType, digest, size, diffId, path: blobPath(paths, digest) };
}

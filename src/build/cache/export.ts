/** --cache-to: what the steps of a build have written, for other machines. */
import { constants, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../../image/manifest.ts";
import { parseReference } from "../../image/reference.ts";
import { blobPath } from "../../store/blobs.ts";
import { digestOf, hexOf } from "../../store/digest.ts";
import { readDocument, writeDocument } from "../../store/documents.ts";
import { commitLayers, type LayerInfo, layerInfo } from "../../store/layers.ts";
import type { Session } from "../session.ts";
import type { StepCounter } from "../step-counter.ts";
import type { CacheLocation } from "../types.ts";
import {
  type CacheConfiguration,
  type CacheManifest,
  CONFIG,
  MANIFEST,
  type Records,
  TAG,
} from "./exported.ts";

/** Of all steps, and of those of the target alone (mode=min). */
export interface ExportableRecords {
  readonly all: Records;
  readonly target: Records;
}

export async function exportCaches(
  session: Session,
  records: ExportableRecords,
  counter: StepCounter,
): Promise<void> {
  for (const location of session.options.cacheTo ?? []) {
    if (location.type === "inline") continue; // goes with the image
    const step = counter.internal(
      `exporting cache to ${location.attributes.dest ?? location.attributes.ref ?? ""}`,
    );
    const chosen = location.attributes.mode === "max" ? records.all : records.target;
    try {
      await session.during(step, () => exportCache(session, location, chosen));
    } catch (error) {
      if (location.attributes["ignore-error"] !== "true") throw error;
    }
  }
}

async function exportCache(
  session: Session,
  { type, attributes }: CacheLocation,
  records: Records,
): Promise<void> {
  const { paths } = session;
  const diffIds = [...new Set(Object.values(records).flatMap(({ layer }) => layer ?? []))];
  await commitLayers(paths, diffIds);
  const config = Buffer.from(JSON.stringify({ records, diffIds } satisfies CacheConfiguration));
  const layers = diffIds.map((diffId): Descriptor => {
    const { mediaType, digest, compressedSize } = layerInfo(paths, diffId) as LayerInfo;
    return { mediaType, digest, size: compressedSize };
  });
  const manifest: CacheManifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: digestOf(config), size: config.length },
    layers,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  if (type === "local") writeLayout(session, { manifest, bytes, config }, attributes);
  else await push(session, { manifest, bytes, config }, attributes.ref ?? "");
}

interface Documents {
  manifest: CacheManifest;
  bytes: Buffer;
  config: Buffer;
}

/**
 * An OCI layout; what other builds have put there stays under its own tags. A build that is killed leaves the layout that
 * was there before: files come whole, and the index, which names them, last.
 */
function writeLayout(
  { paths }: Session,
  { manifest, bytes, config }: Documents,
  { dest = "", tag = "latest" }: Readonly<Record<string, string>>,
): void {
  const blobs = join(dest, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  for (const { digest } of manifest.layers) {
    const to = join(blobs, hexOf(digest));
    const from = blobPath(paths, digest);
    if (!existsSync(to)) placeWhole(to, (path) => copyFileSync(from, path, constants.COPYFILE_FICLONE));
  }
  for (const document of [config, bytes])
    placeWhole(join(blobs, hexOf(digestOf(document))), (path) => writeFileSync(path, document));
  writeDocument(join(dest, "oci-layout"), { imageLayoutVersion: "1.0.0" }, { mode: 0o644 });
  const entry: TaggedManifest = {
    mediaType: MANIFEST,
    digest: digestOf(bytes),
    size: bytes.length,
    annotations: { [TAG]: tag },
  };
  const file = join(dest, "index.json");
  const others = (readDocument<{ manifests?: TaggedManifest[] }>(file)?.manifests ?? []).filter(
    ({ annotations }) => annotations?.[TAG] !== tag,
  );
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [...others, entry],
  };
  writeDocument(file, index, { mode: 0o644 });
}

interface TaggedManifest extends Descriptor {
  annotations?: Record<string, string>;
}

function placeWhole(path: string, write: (path: string) => void): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    write(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

async function push(
  session: Session,
  { manifest, bytes, config }: Documents,
  reference: string,
): Promise<void> {
  const { openPushRegistry } = await import("../../image/registry-push.ts");
  const { paths, context, signal } = session;
  const ref = parseReference(reference);
  using target = await openPushRegistry(ref, { config: context.config, signal, onRetry: () => {} });
  await target.greet();
  const file = join(session.directory(), "config");
  writeFileSync(file, config);
  const blobs = [
    ...manifest.layers.map(({ digest, size }) => ({ digest, size, path: blobPath(paths, digest) })),
    { digest: manifest.config.digest, size: config.length, path: file },
  ];
  for (const blob of blobs) if (!(await target.hasBlob(blob.digest))) await target.upload(blob, () => {});
  await target.manifest(ref.tag ?? "latest", { digest: digestOf(bytes), mediaType: MANIFEST, bytes });
}

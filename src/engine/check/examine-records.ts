/** What images and containers say of themselves and need: the index, their documents, directories and names. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { parseConfiguration } from "../../image/config-document.ts";
import { isDigest } from "../../image/digest.ts";
import { type Descriptor, parseManifest } from "../../image/manifest.ts";
import { blobPath, hasBlob, readBlob } from "../../store/blobs.ts";
import { type ImageIndex, type ImageRecord, readImages } from "../../store/images.ts";
import { resolveName } from "../../store/names.ts";
import { containerDir, type Paths } from "../../store/paths.ts";
import { mountsOf } from "../mounts.ts";
import { containerIds, readRecord } from "../records.ts";
import { namesOf } from "../resolve-image.ts";
import type { ContainerRecord } from "../types.ts";
import { type Fault, fault } from "./report.ts";

/** A layer that an image or a container needs. */
export interface WantedLayer {
  diffId: string;
  /** Familiar names of the images, and what else needs it, for messages. */
  users: Set<string>;
  /** Canonical names to fetch it by. */
  names: Set<string>;
  /** As a manifest describes it; unknown where only containers need it. */
  descriptor: Descriptor | undefined;
}

/** An empty one where it cannot be read. */
export function readIndex(paths: Paths, faults: Fault[]): ImageIndex {
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

export function readContainers(paths: Paths, faults: Fault[]): ContainerRecord[] {
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

export function examineImage(
  paths: Paths,
  { id, record, index, wanted, documents, faults }: ImageToExamine,
): void {
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

export function examineContainer(
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

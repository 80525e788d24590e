/**
 * Which images there are: images.json maps names to digests. `known` has every image by its id, also those that no
 * name refers to any more; an image is in the store for as long as it is known.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readDocument, writeDocument } from "./documents.ts";
import { type Lock, lock } from "./locks.ts";
import { imagesFile, locksDir, type Paths } from "./paths.ts";

export interface ImageRecord {
  /** What the name stood for in the registry: a manifest, or an index of one manifest per platform. */
  readonly target: { readonly digest: string; readonly mediaType: string };
  /** Digest of the manifest that was chosen. */
  readonly manifest: string;
  /** Digest of the configuration: the image's id. */
  readonly config: string;
}

export interface ImageIndex {
  readonly version: 1;
  /** By full canonical name, "docker.io/library/alpine:latest", or name@digest where it was pulled by that. */
  readonly names: Readonly<Record<string, ImageRecord>>;
  /** By image id, "sha256:…". */
  readonly known: Readonly<Record<string, ImageRecord>>;
}

/** All names and images; empty where nothing was ever pulled. Needs no lock. */
export function readImages(paths: Paths): ImageIndex {
  return readDocument<ImageIndex>(imagesFile(paths)) ?? { version: 1, names: {}, known: {} };
}

/** How long a file has to have been what it is for its stamp to tell it from the next: clocks of filesystems tick slowly. */
const SETTLED_MS = 1000;

/** Changes with whatever readImages() returns; undefined where that has just changed. */
export function imagesStamp(paths: Paths): string | undefined {
  const stats = statSync(imagesFile(paths), { throwIfNoEntry: false });
  if (stats === undefined || Math.abs(Date.now() - stats.ctimeMs) < SETTLED_MS) return undefined;
  return [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" ");
}

/** The image that a canonical name stands for. */
export function imageNamed(paths: Paths, name: string): ImageRecord | undefined {
  const { names } = readImages(paths);
  // Names come from users: "constructor" is none of ours.
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

/** Lets names stand for an image, which is known from then on. An image that loses its name stays known. */
export async function nameImage(paths: Paths, names: readonly string[], image: ImageRecord): Promise<void> {
  if (isNamed(readImages(paths), names, image)) return;
  await change(paths, (index) => ({
    ...index,
    names: { ...index.names, ...Object.fromEntries(names.map((name) => [name, image])) },
    known: { ...index.known, [image.config]: image },
  }));
}

/** The same for an image that is known already, and stays known as what it was first: a manifest, or an index. */
export async function addNames(paths: Paths, names: readonly string[], image: ImageRecord): Promise<void> {
  await change(paths, (index) => ({
    ...index,
    names: { ...index.names, ...Object.fromEntries(names.map((name) => [name, image])) },
    known: { [image.config]: image, ...index.known },
  }));
}

/** An image that a name stands for is known, as every one is unless images.json was edited by hand. */
export async function knowNamed(paths: Paths, name: string): Promise<void> {
  await change(paths, (index) => {
    const image = Object.hasOwn(index.names, name) ? index.names[name] : undefined;
    return image ? { ...index, known: { ...index.known, [image.config]: image } } : index;
  });
}

/** Puts another index in the place of one that cannot be read, in one step. */
export async function replaceImages(paths: Paths, index: ImageIndex): Promise<void> {
  using _ = await lock(join(locksDir(paths), "images"));
  writeDocument(imagesFile(paths), index);
}

/** Takes names away; returns those that existed. The images stay known. */
export async function unnameImage(paths: Paths, names: readonly string[]): Promise<string[]> {
  let existing: string[] = [];
  await change(paths, (index) => {
    existing = names.filter((name) => Object.hasOwn(index.names, name));
    const left = Object.entries(index.names).filter(([name]) => !existing.includes(name));
    return { ...index, names: Object.fromEntries(left) };
  });
  return existing;
}

/** Forgets an image with all its names, which it returns; its content goes with the next `removeUnreferenced`. */
export async function forgetImage(paths: Paths, id: string): Promise<string[]> {
  let names: string[] = [];
  await change(paths, (index) => {
    names = Object.keys(index.names).filter((name) => index.names[name]?.config === id);
    const left = Object.entries(index.names).filter(([name]) => !names.includes(name));
    const known = Object.entries(index.known).filter(([config]) => config !== id);
    return { ...index, names: Object.fromEntries(left), known: Object.fromEntries(known) };
  });
  return names;
}

/**
 * Keeps the store from being collected. Who brings content in (a pull, a load) holds it, shared with others, from
 * before the first look at what is there until the image is named; who makes a container holds it until the
 * container's record is on disk. `removeUnreferenced` takes it alone.
 */
export function holdStore(paths: Paths, options: { signal?: AbortSignal } = {}): Promise<Lock> {
  return lock(join(locksDir(paths), "store"), { ...options, shared: true });
}

async function change(paths: Paths, edit: (index: ImageIndex) => ImageIndex): Promise<void> {
  using _ = await lock(join(locksDir(paths), "images"));
  mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  writeDocument(imagesFile(paths), edit(readImages(paths)));
}

function isNamed(index: ImageIndex, names: readonly string[], image: ImageRecord): boolean {
  const is = (record: ImageRecord | undefined): boolean => record !== undefined && isSame(record, image);
  return is(index.known[image.config]) && names.every((name) => is(index.names[name]));
}

const isSame = (one: ImageRecord, other: ImageRecord): boolean =>
  one.config === other.config &&
  one.manifest === other.manifest &&
  one.target.digest === other.target.digest &&
  one.target.mediaType === other.target.mediaType;

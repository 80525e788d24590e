/**
 * The filesystem on the way to an image: layers, of which the topmost may not be the store's yet. A step's directory is
 * the next step's lower one as soon as the step has ended; it is packed, digested and compressed meanwhile.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { layerPath } from "../store/layers.ts";
import { layersDir, type Paths } from "../store/paths.ts";
import type { Session } from "./session.ts";

export interface Layer {
  /** Where its files are at this moment (quiet.ts). */
  directory(): string;
  /** Its diff id, once it is the store's. */
  readonly stored: Promise<string>;
}

export interface Snapshot {
  /** What decides about everything in it, for the keys of the cache. */
  readonly id: string;
  /** Lowest first. */
  readonly layers: readonly Layer[];
}

/** A layer that is in the store. */
export function storedLayer(paths: Paths, diffId: string): Layer {
  const directory = layerPath(paths, diffId);
  return { directory: () => directory, stored: Promise.resolve(diffId) };
}

/** What a step writes to; of the overlay's directories the upper one becomes the layer. */
export interface WorkDirectory {
  readonly upper: string;
  readonly work: string;
  /** Empty, to mount on. */
  readonly target: string;
  readonly blob: string;
}

export function makeWorkDirectory(session: Session): WorkDirectory {
  const base = session.directory();
  const [upper, work, target] = ["upper", "work", "target"].map((name) => {
    const path = join(base, name);
    mkdirSync(path);
    chmodSync(path, name === "work" ? 0o700 : 0o755); // whatever the umask is
    return path;
  }) as [string, string, string];
  return { upper, work, target, blob: join(base, "blob") };
}

/** The lower directories of an overlay, topmost first, as `layersDir` sees them. */
export function lowerOf(paths: Paths, { layers }: Snapshot, empty: string): string[] {
  const base = layersDir(paths);
  // overlayfs wants a lower directory, also where there is nothing below.
  if (layers.length === 0) return [relative(base, empty)];
  return layers.map((layer) => relative(base, layer.directory())).reverse();
}

/** The same as absolute paths. */
export const directoriesOf = ({ layers }: Snapshot): string[] =>
  layers.map((layer) => layer.directory()).reverse();

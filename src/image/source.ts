/** Where an image comes from: a registry's repository, or a layout on disk. */
import type { Descriptor } from "./manifest.ts";

export interface ServedManifest {
  bytes: Buffer;
  /** What it was served as; "" where that was not said. */
  mediaType: string;
  digest: string;
}

/** To be disposed of after use. */
export interface ImageSource extends Disposable {
  /** A manifest or index by tag or digest, verified where a digest is known. */
  manifest(tagOrDigest: string): Promise<ServedManifest>;
  /** The digest that a tag has now, where that is cheaper to ask than the manifest; undefined where it is not told. */
  resolveTag(tag: string): Promise<string | undefined>;
  /** A small blob, verified; `what` names it in errors. */
  document(descriptor: Descriptor, what: string): Promise<Buffer>;
  /** A layer's bytes, not verified; each piece is to be used before the next is asked for. */
  layer(descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

/** A repository of a registry. */
export interface RepositorySource extends ImageSource {
  /** All its tags. */
  tags(): Promise<string[]>;
}

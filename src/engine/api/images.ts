import type { Readable } from "node:stream";
import type { ImageConfig } from "../../image/config-document.ts";
import type { PullEvent } from "../../image/pull-event.ts";
import type { PushedImage } from "../../image/push.ts";
import type { PushEvent } from "../../image/push-event.ts";

/** The images of the store: where they come from, what they are called, and where they go. */
export interface ImagesApi {
  /** Pulls an image by reference; resolves once every layer is verified and visible. */
  pull(reference: string, options?: PullOptions): Promise<ImageSummary>;
  /** Pushes an image by its tag, or all tags of a repository; resolves once the registry has verified all of it. */
  push(reference: string, options?: PushOptions): Promise<PushedImage[]>;
  /** Gives an image, by name or id, another name; whatever had that name loses it. */
  tag(source: string, target: string): Promise<void>;
  /** All images, newest first; `reference` limits them to one repository or name. */
  list(reference?: string): Promise<ImageSummary[]>;
  inspect(reference: string): Promise<ImageDetails>;
  /** How the image was made, the latest step first. */
  history(image: string): Promise<ImageHistoryEntry[]>;
  /** Untags, and deletes what no name refers to any more; refuses while a container uses it unless forced. */
  remove(
    reference: string,
    options?: { force?: boolean },
  ): Promise<{ untagged: string[]; deleted: string[] }>;
  /** Removes images that have no name, or all that no container was made of, and content that nothing needs. */
  prune(options?: PruneImagesOptions): Promise<PrunedImages>;
  /**
   * Images as one tar archive that is docker's and an OCI layout at once, always the same for the same images; to be
   * read to its end or destroyed. A repository without a tag means all its tags.
   */
  save(images: readonly string[], options?: SaveOptions): Promise<Readable>;
  /** The images of such an archive, plain or compressed, or of an OCI layout in a directory; all of them or none. */
  load(source: AsyncIterable<Uint8Array> | { path: string }, options?: LoadOptions): Promise<LoadedImage[]>;
  /** Makes an image of one layer out of a tar archive, plain or compressed, or of what is at a URL. */
  import(
    source: AsyncIterable<Uint8Array> | { url: string },
    options?: ImportOptions,
  ): Promise<{ id: string }>;
}

export interface PullOptions {
  platform?: string;
  onProgress?: (event: PullEvent) => void;
  signal?: AbortSignal;
}

export interface PushOptions {
  /** All tags of the repository; the reference's own is not looked at. */
  allTags?: boolean;
  /** Of an index only this platform's image. */
  platform?: string;
  onProgress?: (event: PushEvent) => void;
  signal?: AbortSignal;
}

export interface ImageSummary {
  /** Digest of the configuration: "sha256:…". */
  id: string;
  /** Familiar names: "alpine:3.20", "localhost:5000/x:1". */
  names: string[];
  /** Familiar name@digest of the manifest or index that the names were pulled by. */
  digests: string[];
  /** RFC 3339, from the configuration. */
  created: string;
  /** Bytes of the unpacked layers. */
  size: number;
}

export interface ImageDetails extends ImageSummary {
  architecture: string;
  os: string;
  variant: string | undefined;
  author: string;
  comment: string;
  /** The docker that built it; "" where it was none, or does not say. */
  dockerVersion: string;
  config: ImageConfig;
  /** Diff ids, lowest first. */
  layers: string[];
}

export interface ImageHistoryEntry {
  /** The image's for the latest step; undefined for those before, which are no images. */
  id: string | undefined;
  /** Familiar names of the image. */
  names: string[];
  /** RFC 3339, "" where it is not known. */
  created: string;
  createdBy: string;
  comment: string;
  /** Bytes of the step's layer; 0 where it has none. */
  size: number;
}

export interface PruneImagesOptions {
  /** Also images with names. */
  all?: boolean;
  /** Which of them; all by default. */
  matches?: (image: ImageDetails) => boolean;
  signal?: AbortSignal;
}

export interface PrunedImages {
  /** Familiar names. */
  untagged: string[];
  /** Ids of images, diff ids of layers. */
  deleted: string[];
  /** What of the disk is free now. */
  bytes: number;
  /** False where commands at work on the store (a long pull) kept content from being removed. */
  complete: boolean;
}

export interface SaveOptions {
  /** Refuses an image of another platform. */
  platform?: string;
  signal?: AbortSignal;
}

export interface LoadOptions {
  /** Of an image that the archive has for several; by default what this host runs best. */
  platform?: string;
  onProgress?: (event: PullEvent) => void;
  signal?: AbortSignal;
}

export interface LoadedImage {
  id: string;
  /** Familiar names; none where the archive has none. */
  names: string[];
  /** Names that meant another image before, which lost them. */
  displaced: { name: string; id: string }[];
}

export interface ImportOptions {
  reference?: string;
  message?: string;
  changes?: string[];
  /** os/arch[/variant]; this host's by default. */
  platform?: string;
  signal?: AbortSignal;
}

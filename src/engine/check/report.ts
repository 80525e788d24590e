/** What `system check` finds, as data. */
import type { LayerDescription } from "../../store/check/renew-layer.ts";

/** What would mend a finding; without one, nothing that tsrun can do alone. */
export type Remedy =
  /** The bytes again, from the registry that one of the names tells. */
  | { type: "document"; digest: string; role: "manifest" | "configuration"; names: readonly string[] }
  | { type: "blob"; layer: LayerDescription; names: readonly string[] }
  /** The directory again, from the blob. */
  | { type: "layer"; layer: LayerDescription }
  /** Its removal: nothing is lost with it. */
  | { type: "stray"; path: string }
  /** images.json again, from the manifests that are there. */
  | { type: "images" }
  | { type: "name"; name: string }
  | { type: "directory"; path: string; mode: number }
  | { type: "container-name"; id: string; name: string };

export interface StoreFinding {
  /** "layer sha256:… of alpine:latest differs from its blob in 2 files". */
  message: string;
  /** More of it, a line each. */
  details: string[];
  /** What `repair` has done about it; undefined where it is as it was. */
  repaired?: string;
  /** Why it was not repaired, or what to do. */
  advice?: string;
}

export interface StoreLeftover {
  path: string;
  /** What of the disk it takes. */
  bytes: number;
}

export interface StoreReport {
  /** What is wrong. */
  findings: StoreFinding[];
  /**
   * What nothing needs: interrupted commands leave it, the next of their kind use it up, and `image prune` removes it.
   * Undefined where commands were at work on the store, since some of it may be theirs, and where something is wrong,
   * since a damaged image cannot say what it needs.
   */
  leftovers: StoreLeftover[] | undefined;
  /** With `repair`: bytes of leftovers that were removed. */
  reclaimed: number;
  checked: { images: number; blobs: number; layers: number; containers: number; bytes: number };
}

export interface CheckOptions {
  repair?: boolean;
  onProgress?: (progress: { doneBytes: number; totalBytes: number }) => void;
  signal?: AbortSignal;
}

/** A finding with what is known of its repair. */
export interface Fault extends StoreFinding {
  /** Names what is wrong, in whatever words it is told: "layer sha256:…". */
  subject: string;
  remedy: Remedy | undefined;
}

export function fault(subject: string, message: string, more: Partial<Fault> = {}): Fault {
  return { subject, message, details: [], remedy: undefined, ...more };
}

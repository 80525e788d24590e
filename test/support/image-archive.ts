/** Image archives made in memory: as docker before 25 wrote them, and as OCI layouts. */
import { compressionOf, diffIdOf, type LayerEntry, sha256, tarLayer } from "./tar-layer.ts";

export interface ArchivedImage {
  /** Lowest first, compressed in any way or not at all. */
  layers: readonly Buffer[];
  names?: readonly string[];
  architecture?: string;
  /** More or other fields of the configuration's `config`. */
  config?: object;
}

export const hexOf = (bytes: Uint8Array): string => sha256(bytes).slice("sha256:".length);

export function configOf({ layers, architecture = "amd64", config = {} }: ArchivedImage): Buffer {
  const rootfs = { type: "layers", diff_ids: layers.map(diffIdOf) };
  return Buffer.from(
    JSON.stringify({ architecture, os: "linux", config: { Cmd: ["sh"], ...config }, rootfs }),
  );
}

/** Docker's: <config>.json, <layer>/layer.tar, where a layer that comes again is a link, and manifest.json. */
export function dockerEntries(images: readonly ArchivedImage[]): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const first = new Map<string, string>();
  const manifest = images.map((image, i) => {
    const config = configOf(image);
    entries.push({ path: `${hexOf(config)}.json`, data: config });
    const files = image.layers.map((layer, j) => {
      const path = `${i}-${j}/layer.tar`;
      const before = first.get(hexOf(layer));
      entries.push({ path: `${i}-${j}/` });
      if (before === undefined) entries.push({ path, data: layer });
      else entries.push({ path, type: "SymbolicLink", linkpath: `../${before}` });
      first.set(hexOf(layer), before ?? path);
      return path;
    });
    return { Config: `${hexOf(config)}.json`, RepoTags: image.names ?? null, Layers: files };
  });
  return [...entries, { path: "manifest.json", data: JSON.stringify(manifest) }];
}

export const dockerArchive = (...images: ArchivedImage[]): Buffer => tarLayer(dockerEntries(images));

export interface Described {
  mediaType: string;
  digest: string;
  size: number;
  platform?: object;
  annotations?: Record<string, string>;
}

const OCI = "application/vnd.oci.image";

/** A layout under construction: blobs by digest, and what index.json will name. */
export class Layout {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests: Described[] = [];

  blob(content: Buffer | object, mediaType: string): Described {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    this.blobs.set(sha256(bytes), bytes);
    return { mediaType, digest: sha256(bytes), size: bytes.length };
  }

  image(image: ArchivedImage): Described {
    const { layers, architecture = "amd64" } = image;
    const suffix = { gzip: "+gzip", zstd: "+zstd", none: "" };
    const document = {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: this.blob(configOf(image), `${OCI}.config.v1+json`),
      layers: layers.map((layer) => this.blob(layer, `${OCI}.layer.v1.tar${suffix[compressionOf(layer)]}`)),
    };
    return { ...this.blob(document, document.mediaType), platform: { os: "linux", architecture } };
  }

  index(manifests: readonly Described[]): Described {
    const mediaType = `${OCI}.index.v1+json`;
    return this.blob({ schemaVersion: 2, mediaType, manifests }, mediaType);
  }

  /** What index.json names, without a name or by one or more. */
  add(described: Described, ...names: string[]): this {
    const named = names.map((name) => ({
      ...described,
      annotations: { "org.opencontainers.image.ref.name": name },
    }));
    this.manifests.push(...(names.length === 0 ? [described] : named));
    return this;
  }

  entries(): LayerEntry[] {
    return [
      { path: "blobs/" },
      { path: "blobs/sha256/" },
      ...[...this.blobs].map(([digest, data]) => ({ path: `blobs/${digest.replace(":", "/")}`, data })),
      { path: "index.json", data: JSON.stringify({ schemaVersion: 2, manifests: this.manifests }) },
      { path: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
    ];
  }

  tar(): Buffer {
    return tarLayer(this.entries());
  }
}

/** Layers made in memory: tar archives of a few entries, compressed as asked. */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Header } from "tar";

export interface LayerEntry {
  path: string;
  /** A file by default, a directory where the path ends in "/". */
  type?: "File" | "Directory" | "SymbolicLink" | "Link";
  data?: string | Uint8Array;
  linkpath?: string;
  mode?: number;
}

/** An uncompressed layer. */
export function tarLayer(entries: readonly LayerEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { path, type, data = "", linkpath = "", mode } of entries) {
    const bytes = Buffer.from(data);
    const kind = type ?? (path.endsWith("/") ? "Directory" : "File");
    const header = Buffer.alloc(512);
    const common = { path, type: kind, linkpath, uid: 0, gid: 0, mtime: new Date(1_700_000_000_000) };
    new Header({ ...common, mode: mode ?? (kind === "File" ? 0o644 : 0o755), size: bytes.length }).encode(
      header,
      0,
    );
    blocks.push(header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export const gzipLayer = (entries: readonly LayerEntry[]): Buffer => gzipSync(tarLayer(entries));
export const zstdLayer = (entries: readonly LayerEntry[]): Buffer => zstdCompressSync(tarLayer(entries));

export type Compression = "gzip" | "zstd" | "none";

/** How a layer is compressed, by its first bytes. */
export function compressionOf(layer: Uint8Array): Compression {
  if (layer[0] === 0x1f && layer[1] === 0x8b) return "gzip";
  return layer[0] === 0x28 && layer[1] === 0xb5 && layer[2] === 0x2f && layer[3] === 0xfd ? "zstd" : "none";
}

/** The digest of the uncompressed layer. */
export function diffIdOf(layer: Uint8Array): string {
  const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync, none: (bytes: Uint8Array) => bytes };
  return sha256(unpack[compressionOf(layer)](layer));
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** One image that every engine loads: Debian's busybox, in an archive as docker writes it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { dockerArchive } from "../../support/image-archive.ts";
import { busyboxImage } from "./images.ts";

export const IMAGE = "docker.io/library/box:latest";

/** Writes the archive and returns its path; `settings` are fields of its configuration. */
export function writeImage(directory: string, settings: object = {}): string {
  const { layers, architecture = "amd64", config = {} } = busyboxImage([], settings);
  const path = join(directory, "image.tar");
  const plain = layers.map((layer) => gunzipSync(layer));
  writeFileSync(path, dockerArchive({ layers: plain, names: [IMAGE], architecture, config }));
  return path;
}

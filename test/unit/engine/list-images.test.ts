import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { listImages } from "../../../src/engine/images.ts";
import { blobPath, putBlob } from "../../../src/store/blobs.ts";
import { digestOf } from "../../../src/store/digest.ts";
import { nameImage } from "../../../src/store/images.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-list-"));
const paths = { root: join(directory, "root"), run: join(directory, "run") };
afterAll(() => rmSync(directory, { recursive: true }));

async function image(name: string): Promise<string> {
  const bytes = Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", comment: name }));
  const config = digestOf(bytes);
  putBlob(paths, config, bytes);
  const target = { digest: config, mediaType: "application/vnd.oci.image.manifest.v1+json" };
  await nameImage(paths, [`docker.io/library/${name}:latest`], { target, manifest: config, config });
  return config;
}

test("an image that the disk has damaged is listed with the others", async () => {
  const [whole, lost, cut] = [await image("whole"), await image("lost"), await image("cut")];
  rmSync(blobPath(paths, lost));
  writeFileSync(blobPath(paths, cut), "{");
  const blank = { digests: [], created: "", size: 0 };
  expect(listImages(paths).sort((a, b) => (a.names[0] ?? "").localeCompare(b.names[0] ?? ""))).toEqual([
    { id: cut, names: ["cut:latest"], ...blank },
    { id: lost, names: ["lost:latest"], ...blank },
    { id: whole, names: ["whole:latest"], ...blank },
  ]);
});

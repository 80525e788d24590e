import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { resolveImageAgain } from "../../../src/engine/resolve-image.ts";
import { putBlob } from "../../../src/store/blobs.ts";
import { digestOf } from "../../../src/store/digest.ts";
import { nameImage, unnameImage } from "../../../src/store/images.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-resolve-"));
const paths = { root: join(directory, "root"), run: join(directory, "run") };
const { now } = Date;
// Whatever was written is old enough to be remembered.
beforeEach(() => void vi.spyOn(Date, "now").mockImplementation(() => now() + 10_000));
afterEach(() => void vi.restoreAllMocks());
afterAll(() => rmSync(directory, { recursive: true }));

async function name(tag: string, comment: string): Promise<string> {
  const bytes = Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", comment, config: {} }));
  const config = digestOf(bytes);
  putBlob(paths, config, bytes);
  const target = { digest: config, mediaType: "application/vnd.oci.image.manifest.v1+json" };
  await nameImage(paths, [`docker.io/library/app:${tag}`], { target, manifest: config, config });
  return config;
}

test("an image is looked for once, and for nobody to change", async () => {
  const id = await name("1", "first");
  const image = resolveImageAgain(paths, "app:1");
  expect(image).toMatchObject({ id, names: ["app:1"], comment: "first" });
  expect(resolveImageAgain(paths, "app:1")).toBe(image);
  expect(() => Object.assign(image.config, { User: "root" })).toThrow(TypeError);
});

test("a name that is given to another image, or to none, is seen", async () => {
  const [first, second] = [await name("2", "before"), await name("other", "after")];
  expect(resolveImageAgain(paths, "app:2").id).toBe(first);
  await name("2", "after");
  expect(resolveImageAgain(paths, "app:2")).toMatchObject({ id: second, names: ["app:2", "app:other"] });
  await unnameImage(paths, ["docker.io/library/app:2"]);
  expect(() => resolveImageAgain(paths, "app:2")).toThrow("No such image: app:2");
});

test("what has been written just now may be followed by another that looks the same", async () => {
  vi.restoreAllMocks();
  await name("3", "new");
  const image = resolveImageAgain(paths, "app:3");
  expect(resolveImageAgain(paths, "app:3")).not.toBe(image);
  expect(resolveImageAgain(paths, "app:3")).toEqual(image);
});

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasBlob, putBlob } from "../../../src/store/blobs.ts";
import { removeUnreferenced } from "../../../src/store/collect.ts";
import { digestOf } from "../../../src/store/digest.ts";
import {
  forgetImage,
  holdStore,
  type ImageRecord,
  imageNamed,
  nameImage,
  readImages,
  unnameImage,
} from "../../../src/store/images.ts";
import { hasLayer, layerDocument, layerPath } from "../../../src/store/layers.ts";
import { blobsDir, layersDir, type Paths, tmpDir } from "../../../src/store/paths.ts";

let paths: Paths;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "images-"));
  paths = { root, run: join(root, "run") };
});
afterEach(() => rmSync(paths.root, { recursive: true }));

const hex = (text: string) => digestOf(Buffer.from(text));

/** Puts an image with these layers into the store, as a pull would have. */
function image(...layers: string[]): ImageRecord {
  const put = (value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value));
    putBlob(paths, digestOf(bytes), bytes);
    return digestOf(bytes);
  };
  for (const layer of layers) {
    putBlob(paths, hex(`${layer}.gz`), Buffer.from(`${layer}.gz`));
    mkdirSync(layerPath(paths, hex(layer)), { recursive: true });
    const info = { diffId: hex(layer), digest: hex(`${layer}.gz`) };
    writeFileSync(layerDocument(paths, hex(layer)), JSON.stringify(info));
  }
  const config = put({ rootfs: { type: "layers", diff_ids: layers.map(hex) } });
  const manifest = put({
    config: { digest: config },
    layers: layers.map((layer) => ({ digest: hex(`${layer}.gz`) })),
  });
  return {
    target: { digest: manifest, mediaType: "application/vnd.oci.image.manifest.v1+json" },
    manifest,
    config,
  };
}

const ALPINE = "docker.io/library/alpine:latest";

describe("names", () => {
  test("come and go, the image stays known", async () => {
    const alpine = image("base");
    await nameImage(paths, [ALPINE, "docker.io/library/alpine:3.20"], alpine);
    expect(imageNamed(paths, ALPINE)).toEqual(alpine);
    expect(await unnameImage(paths, [ALPINE, "docker.io/library/none:latest"])).toEqual([ALPINE]);
    expect(imageNamed(paths, ALPINE)).toBeUndefined();
    expect(Object.keys(readImages(paths).known)).toEqual([alpine.config]);
  });

  test("a name that moves leaves an image without a name", async () => {
    const [old, fresh] = [image("old"), image("new")];
    await nameImage(paths, [ALPINE], old);
    await nameImage(paths, [ALPINE], fresh);
    expect(imageNamed(paths, ALPINE)).toEqual(fresh);
    expect(Object.keys(readImages(paths).known)).toEqual([old.config, fresh.config]);
  });

  test("forgetting takes all names", async () => {
    const alpine = image("base");
    await nameImage(paths, [ALPINE, "b"], alpine);
    expect(await forgetImage(paths, alpine.config)).toEqual([ALPINE, "b"]);
    expect(readImages(paths)).toMatchObject({ names: {}, known: {} });
  });

  test("an empty store has none, not even of Object's", () => {
    expect(imageNamed(paths, "constructor")).toBeUndefined();
  });

  test("changes at the same time are all kept", async () => {
    const alpine = image("base");
    await Promise.all(Array.from({ length: 20 }, (_, i) => nameImage(paths, [`name:${i}`], alpine)));
    expect(Object.keys(readImages(paths).names)).toHaveLength(20);
  });
});

describe("collection", () => {
  test("removes what no image and no container needs; a layer in use keeps its blob", async () => {
    const kept = image("shared", "kept");
    const gone = image("shared", "gone", "mounted");
    await nameImage(paths, ["kept"], kept);
    const { blobs, layers } = await removeUnreferenced(paths, () => [hex("mounted")]);
    expect(hasLayer(paths, hex("shared")) && hasLayer(paths, hex("kept"))).toBe(true);
    expect(hasLayer(paths, hex("mounted"))).toBe(true);
    expect(hasLayer(paths, hex("gone"))).toBe(false);
    expect(layers).toEqual([hex("gone").slice(7, 39)]);
    expect(blobs.sort()).toEqual([gone.manifest, gone.config, hex("gone.gz")].sort());
    expect(hasBlob(paths, kept.manifest) && hasBlob(paths, hex("shared.gz"))).toBe(true);
  });

  test("removes what killed processes have left", async () => {
    mkdirSync(join(tmpDir(paths), "work-dead"), { recursive: true });
    mkdirSync(join(layersDir(paths), "0".repeat(32)), { recursive: true });
    mkdirSync(blobsDir(paths), { recursive: true });
    writeFileSync(join(blobsDir(paths), `${"0".repeat(64)}.123.tmp`), "half");
    const { bytes, ...removed } = await removeUnreferenced(paths, () => []);
    expect(removed).toEqual({ blobs: [], layers: ["0".repeat(32)] });
    expect(bytes).toBeGreaterThan(0);
    expect([tmpDir(paths), blobsDir(paths), layersDir(paths)].flatMap((path) => readdirSync(path))).toEqual(
      [],
    );
  });

  test("waits for those who bring something in", async () => {
    image("coming");
    const held = await holdStore(paths);
    await expect(removeUnreferenced(paths, () => [], { timeoutMs: 20 })).rejects.toMatchObject({
      code: "ERR_TSRUN_LOCK_TIMEOUT",
    });
    expect(hasLayer(paths, hex("coming"))).toBe(true);
    held.release();
    await removeUnreferenced(paths, () => []);
    expect(hasLayer(paths, hex("coming"))).toBe(false);
  });

  test("an empty store", async () => {
    expect(await removeUnreferenced(paths, () => [])).toEqual({ blobs: [], layers: [], bytes: 0 });
  });
});

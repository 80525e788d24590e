import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/image/config-document.ts";
import { choosePlatform, type Index, parseManifest } from "../../../src/image/manifest.ts";
import { parsePlatform } from "../../../src/image/platform.ts";

const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const bytes = (doc: unknown) => Buffer.from(typeof doc === "string" ? doc : JSON.stringify(doc));

const ociManifest = {
  schemaVersion: 2,
  config: { mediaType: `${OCI}.config.v1+json`, digest: digest("a"), size: 10 },
  layers: [{ mediaType: `${OCI}.layer.v1.tar+zstd`, digest: digest("b"), size: 20 }],
};
const entry = (letter: string, platform?: object) => ({
  mediaType: `${OCI}.manifest.v1+json`,
  digest: digest(letter),
  size: 1,
  ...(platform === undefined ? {} : { platform }),
});

describe("parseManifest", () => {
  test("an OCI manifest, its type taken from where it was served or from its shape", () => {
    for (const served of [`${OCI}.manifest.v1+json; charset=utf-8`, "application/json", ""]) {
      const manifest = parseManifest(bytes(ociManifest), served);
      expect(manifest).toMatchObject({ kind: "manifest", mediaType: `${OCI}.manifest.v1+json` });
    }
  });

  test("Docker's schema 2", () => {
    const doc = {
      schemaVersion: 2,
      mediaType: `${DOCKER}.distribution.manifest.v2+json`,
      config: { mediaType: `${DOCKER}.container.image.v1+json`, digest: digest("a"), size: 1 },
      layers: [{ mediaType: `${DOCKER}.image.rootfs.diff.tar.gzip`, digest: digest("b"), size: 0 }],
    };
    expect(parseManifest(bytes(doc), doc.mediaType)).toMatchObject({
      kind: "manifest",
      layers: [{ digest: digest("b") }],
    });
  });

  const refused: [string, unknown, string, string][] = [
    ["not JSON", "{", "", "ERR_TSRUN_MANIFEST_INVALID"],
    ["a list", [], "", "ERR_TSRUN_MANIFEST_INVALID"],
    ["schema 1", { schemaVersion: 1, fsLayers: [] }, "", "ERR_TSRUN_MANIFEST_UNSUPPORTED"],
    [
      "schema 1 by its type",
      ociManifest,
      `${DOCKER}.distribution.manifest.v1+prettyjws`,
      "ERR_TSRUN_MANIFEST_UNSUPPORTED",
    ],
    ["both kinds at once", { ...ociManifest, manifests: [] }, "", "ERR_TSRUN_MANIFEST_INVALID"],
    [
      "served as another type",
      { ...ociManifest, mediaType: `${OCI}.manifest.v1+json` },
      `${OCI}.index.v1+json`,
      "ERR_TSRUN_MANIFEST_INVALID",
    ],
    ["no layers", { ...ociManifest, layers: undefined }, "", "ERR_TSRUN_MANIFEST_INVALID"],
    [
      "a short digest",
      { ...ociManifest, config: { ...ociManifest.config, digest: "sha256:ab" } },
      "",
      "ERR_TSRUN_MANIFEST_INVALID",
    ],
    [
      "a path for a digest",
      { ...ociManifest, config: { ...ociManifest.config, digest: "../../x" } },
      "",
      "ERR_TSRUN_MANIFEST_INVALID",
    ],
    [
      "a negative size",
      { ...ociManifest, config: { ...ociManifest.config, size: -1 } },
      "",
      "ERR_TSRUN_MANIFEST_INVALID",
    ],
    [
      "another artifact",
      {
        ...ociManifest,
        config: { ...ociManifest.config, mediaType: "application/vnd.cncf.helm.config.v1+json" },
      },
      "",
      "ERR_TSRUN_MANIFEST_UNSUPPORTED",
    ],
    [
      "an unknown layer",
      { ...ociManifest, layers: [{ ...ociManifest.layers[0], mediaType: "text/plain" }] },
      "",
      "ERR_TSRUN_MANIFEST_UNSUPPORTED",
    ],
  ];
  test.each(refused)("refuses %s", (_, doc, type, code) => {
    expect(() => parseManifest(bytes(doc), type)).toThrow(expect.objectContaining({ code }));
  });
});

describe("choosePlatform", () => {
  const index = parseManifest(
    bytes({
      schemaVersion: 2,
      mediaType: `${OCI}.index.v1+json`,
      manifests: [
        entry("1", { os: "linux", architecture: "arm", variant: "v6" }),
        entry("2", { os: "linux", architecture: "386" }),
        entry("3", { os: "linux", architecture: "amd64" }),
        entry("4", { os: "linux", architecture: "arm64", variant: "v8" }),
        entry("5", { os: "unknown", architecture: "unknown" }),
        entry("6", { os: "windows", architecture: "amd64" }),
      ],
    }),
    `${OCI}.index.v1+json`,
  ) as Index;

  test.each([
    ["linux/amd64", "3"],
    ["linux/arm64", "4"],
    ["linux/arm64/v8", "4"],
    ["linux/arm/v7", "1"],
    ["linux/386", "2"],
  ])("%s", (platform, letter) => {
    expect(choosePlatform(index, parsePlatform(platform)).digest).toBe(digest(letter));
  });

  test("says what there is where nothing matches", () => {
    expect(() => choosePlatform(index, parsePlatform("linux/s390x"))).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_PLATFORM_NOT_FOUND",
        message: "no matching manifest for linux/s390x in the manifest list entries",
        hint: "the image exists for linux/arm/v6, linux/386, linux/amd64, linux/arm64, windows/amd64",
      }),
    );
  });

  test("takes an entry without a platform only where none matches", () => {
    const mixed = {
      ...index,
      manifests: [{ mediaType: "", digest: digest("9"), size: 1 }, ...index.manifests],
    };
    expect(choosePlatform(mixed, parsePlatform("linux/amd64")).digest).toBe(digest("3"));
    expect(choosePlatform(mixed, parsePlatform("linux/s390x")).digest).toBe(digest("9"));
  });
});

describe("parseConfiguration", () => {
  const doc = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [digest("d")] } };

  test("null fields are absent ones", () => {
    const config = { Cmd: ["sh"], Entrypoint: null, Env: ["A=b"], Volumes: null, Unknown: 1 };
    expect(parseConfiguration(bytes({ ...doc, config }))).toEqual({
      platform: { os: "linux", architecture: "amd64" },
      created: "",
      author: "",
      comment: "",
      dockerVersion: "",
      config: { Cmd: ["sh"], Env: ["A=b"] },
      diffIds: [digest("d")],
    });
  });

  test.each([
    ["no platform", {}],
    ["a diff id that is a path", { ...doc, rootfs: { diff_ids: ["../x"] } }],
    ["a command that is no list", { ...doc, config: { Cmd: "sh" } }],
    ["an environment of numbers", { ...doc, config: { Env: [1] } }],
  ])("refuses %s", (_, bad) => {
    expect(() => parseConfiguration(bytes(bad))).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_IMAGE_CONFIG_INVALID" }),
    );
  });
});

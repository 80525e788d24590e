import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Engine, type ErrorCode, type ImageSummary, TsrunError } from "../../src/index.ts";
import { END_OF_ARCHIVE, encodeHeader } from "../../src/store/pack/header.ts";
import { bzip2, gzip, xz, zstd } from "../support/compress.ts";
import { bytesOf, useEngine } from "../support/engine.ts";
import {
  type ArchivedImage,
  configOf,
  dockerArchive,
  dockerEntries,
  Layout,
} from "../support/image-archive.ts";
import { diffIdOf, gzipLayer, type LayerEntry, sha256, tarLayer, zstdLayer } from "../support/tar-layer.ts";

const host = useEngine();
const { engine, paths } = host;

const plain = tarLayer([{ path: "a/" }, { path: "a/file", data: "one\n" }]);
const zipped = gzipLayer([{ path: "b", data: "two\n" }]);
const squeezed = zstdLayer([{ path: "c", data: "three\n" }]);
const image: ArchivedImage = { layers: [plain, zipped], names: ["my/app:1"] };
const idOf = (archived: ArchivedImage): string => sha256(configOf(archived));

let base: ImageSummary[];
beforeEach(async () => {
  base = await engine.images.list();
});
afterEach(async () => {
  for (const { id } of await engine.images.list())
    if (!base.some((kept) => kept.id === id)) await engine.images.remove(id, { force: true });
});

const load = (archive: Uint8Array, options = {}) => engine.images.load(Readable.from([archive]), options);
const scratch = (): string[] =>
  existsSync(join(paths.root, "tmp")) ? readdirSync(join(paths.root, "tmp")) : [];

/** The archive is refused with that code and those words, by all ways in, and leaves no image. */
async function refused(archive: Uint8Array, code: ErrorCode, words: RegExp | string): Promise<void> {
  const file = join(host.directory, "refused.tar");
  writeFileSync(file, archive);
  for (const source of [Readable.from([archive]), { path: file }]) {
    const error = await engine.images.load(source).then(
      () => new Error("it was loaded"),
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(TsrunError);
    const { code: actual, message } = error as TsrunError;
    expect({ code: actual, message }).toEqual({ code, message: expect.stringMatching(words) });
  }
  expect(await engine.images.list()).toEqual(base);
  expect(scratch()).toEqual([]);
}
const INVALID = "ERR_TSRUN_ARCHIVE_INVALID";

/** The archive's entries, changed. */
const edited = (entries: LayerEntry[], edit: (entry: LayerEntry) => LayerEntry | LayerEntry[]): Buffer =>
  tarLayer(entries.flatMap(edit));
const replaced = (entries: LayerEntry[], path: RegExp, data: string | Buffer): Buffer =>
  edited(entries, (entry) => (path.test(entry.path) ? { ...entry, data } : entry));
const without = (entries: LayerEntry[], path: RegExp): Buffer =>
  edited(entries, (entry) => (path.test(entry.path) ? [] : entry));
const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1] = (copy[copy.length >> 1] as number) ^ 1;
  return copy;
};

describe("load", () => {
  test("docker's archive, plain or compressed; from a stream or a file", async () => {
    const archive = dockerArchive(image);
    const file = join(host.directory, "image.tar");
    for (const bytes of [archive, gzip(archive), zstd(archive)]) {
      writeFileSync(file, bytes);
      for (const source of [Readable.from([bytes]), { path: file }]) {
        const loaded = await engine.images.load(source);
        expect(loaded).toEqual([{ id: idOf(image), names: ["my/app:1"], displaced: [] }]);
        expect((await engine.images.inspect("my/app:1")).layers).toEqual([plain, zipped].map(diffIdOf));
        await engine.images.remove("my/app:1");
      }
    }
    expect(scratch()).toEqual([]);
  });

  test("byte by byte it is the same", async () => {
    const bytes = dockerArchive({ layers: [plain] });
    const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
    expect((await engine.images.load(Readable.from(single)))[0]?.names).toEqual([]);
  });

  test("several images that share layers, by links", async () => {
    const other = { layers: [plain, squeezed], names: ["my/other:1", "my/other:2"] };
    const loaded = await load(dockerArchive(image, other, { layers: [plain] }));
    expect(loaded.map(({ id, names }) => [id, names])).toEqual([
      [idOf(image), ["my/app:1"]],
      [idOf(other), ["my/other:1", "my/other:2"]],
      [idOf({ layers: [plain] }), []],
    ]);
  });

  test("./ before all names, as tar writes them, and a layer twice", async () => {
    const twice = { layers: [plain, plain], names: ["my/twice:1"] };
    const entries = dockerEntries([twice]).map((entry) => ({ ...entry, path: `./${entry.path}` }));
    expect((await load(tarLayer([{ path: "./" }, ...entries])))[0]?.id).toBe(idOf(twice));
  });

  test("an OCI layout, whose digests stay, as archive and as directory", async () => {
    const layout = new Layout();
    const described = layout.image({ layers: [plain, zipped, squeezed] });
    layout.add(described, "docker.io/my/oci:1", "my/oci:2");
    const directory = join(host.directory, "layout");
    for (const { path, data = "" } of layout.entries().filter((entry) => !entry.path.endsWith("/"))) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), data);
    }
    for (const source of [Readable.from([layout.tar()]), { path: directory }]) {
      expect((await engine.images.load(source))[0]?.names).toEqual(["my/oci:1", "my/oci:2"]);
      const saved = new Map(await entriesOf(await engine.images.save(["my/oci"])));
      expect(JSON.parse(saved.get("index.json") as string).manifests[0].digest).toBe(described.digest);
      for (const digest of layout.blobs.keys())
        expect(saved.has(`blobs/${digest.replace(":", "/")}`)).toBe(true);
      await engine.images.remove("my/oci:1");
      await engine.images.remove("my/oci:2");
    }
    rmSync(join(directory, "blobs", described.digest.replace(":", "/")));
    symlinkSync("/etc/passwd", join(directory, "blobs", described.digest.replace(":", "/")));
    await expect(engine.images.load({ path: directory })).rejects.toMatchObject({
      code: INVALID,
      message: expect.stringContaining("a link that leads out"),
    });
  });

  test("an index of indexes: this platform of it, or the one that was asked for, or the only one", async () => {
    const here = { layers: [plain], architecture: "amd64" };
    const there = { layers: [zipped], architecture: "arm64" };
    const layout = new Layout();
    const inner = layout.index([layout.image(there), layout.image(here)]);
    const attestation = {
      ...layout.blob({}, inner.mediaType),
      platform: { os: "unknown", architecture: "unknown" },
    };
    const outer = layout.index([inner, attestation]);
    layout.add(outer, "my/multi:1");
    const host_ = process.arch === "arm64" ? there : here;
    expect(await load(layout.tar())).toMatchObject([{ id: idOf(host_), names: ["my/multi:1"] }]);
    for (const [platform, expected] of [
      ["linux/arm64", there],
      ["linux/amd64", here],
    ] as const)
      expect(await load(layout.tar(), { platform })).toMatchObject([{ id: idOf(expected) }]);
    await expect(load(layout.tar(), { platform: "linux/s390x" })).rejects.toMatchObject({
      code: "ERR_TSRUN_PLATFORM_NOT_FOUND",
    });

    const foreign = process.arch === "arm64" ? here : there;
    const one = new Layout();
    const missing = new Layout().image({ ...host_, layers: [squeezed] });
    one.add(one.index([missing, one.image(foreign)]), "my/foreign:1");
    expect(await load(one.tar())).toMatchObject([{ id: idOf(foreign) }]);
  });

  test("a name goes over to the new image, and that is told", async () => {
    await load(dockerArchive(image));
    const next = { layers: [squeezed], names: ["my/app:1"] };
    expect(await load(dockerArchive(next))).toEqual([
      { id: idOf(next), names: ["my/app:1"], displaced: [{ name: "my/app:1", id: idOf(image) }] },
    ]);
    expect((await engine.images.inspect(idOf(image))).names).toEqual([]);
  });

  test("a word that is no whole reference is no name", async () => {
    const layout = new Layout();
    layout.add(layout.image(image), "latest");
    expect(await load(layout.tar())).toEqual([{ id: idOf(image), names: [], displaced: [] }]);
  });

  test("needs no memory for what it reads", async () => {
    const megabytes = 400;
    const entry = (name: string, size: number) => encodeHeader({ ...EMPTY_FILE, name, size });
    const zeros = Buffer.alloc(1 << 20);
    function* layer(): Generator<Uint8Array> {
      yield entry("zeros", megabytes << 20);
      for (let i = 0; i < megabytes; i++) yield zeros;
      yield END_OF_ARCHIVE;
    }
    const hash = createHash("sha256");
    for (const chunk of layer()) hash.update(chunk);
    const rootfs = { type: "layers", diff_ids: [`sha256:${hash.digest("hex")}`] };
    const documents = {
      "manifest.json": JSON.stringify([{ Config: "c.json", RepoTags: ["my/big:1"], Layers: ["l.tar"] }]),
      "c.json": JSON.stringify({ architecture: "amd64", os: "linux", rootfs }),
    };
    async function* whole(): AsyncGenerator<Uint8Array> {
      yield entry("l.tar", 512 + (megabytes << 20) + 1024);
      yield* layer();
      yield tarLayer(Object.entries(documents).map(([path, data]) => ({ path, data })));
    }
    const before = process.memoryUsage.rss();
    const { peak } = await watchMemory(() => engine.images.load(whole()));
    expect((peak - before) >> 20).toBeLessThan(megabytes / 2);
    expect((await engine.images.inspect("my/big:1")).size).toBe(megabytes << 20);
    expect(await engine.images.remove("my/big:1")).toMatchObject({ untagged: ["my/big:1"] });
  });

  test("can be given up", async () => {
    const controller = new AbortController();
    const endless = async function* () {
      for (;;) {
        yield tarLayer([{ path: "x", data: Buffer.alloc(1 << 20) }]).subarray(0, 512 + (1 << 20));
        controller.abort(new Error("enough"));
      }
    };
    await expect(engine.images.load(endless(), { signal: controller.signal })).rejects.toThrow("enough");
    expect(scratch()).toEqual([]);
  });
});

describe("load refuses", () => {
  const entries = dockerEntries([image]);
  const layout = () => {
    const made = new Layout();
    return made.add(made.image({ layers: [plain, zipped] }), "my/app:1");
  };

  test("what is no archive of images", async () => {
    await refused(Buffer.from("#!/bin/sh\n".repeat(100)), INVALID, /not a tar archive/);
    await refused(Buffer.alloc(0), INVALID, /neither index.json nor manifest.json/);
    await refused(plain, INVALID, /neither index.json nor manifest.json/);
    await refused(tarLayer([{ path: "repositories", data: "{}" }]), INVALID, /older than 1.10/);
    await refused(tarLayer([{ path: "manifest.json", data: "[]" }]), INVALID, /no image in it/);
    await refused(xz(dockerArchive(image)), INVALID, /compressed with xz: decompress it first/);
    await refused(bzip2(dockerArchive(image)), INVALID, /compressed with bzip2/);
  });

  test("what is cut short", async () => {
    const whole = layout().tar();
    const last = whole.length - 1024;
    for (const length of [100, 512, 1000, last - 512, last - 700])
      await refused(whole.subarray(0, length), INVALID, /./);
    const zip = gzip(whole);
    for (const length of [zip.length - 9, zip.length >> 1])
      await refused(zip.subarray(0, length), INVALID, /gzip data is damaged or truncated|truncated/);
  });

  test("names and links that lead out, devices, and two files of one name", async () => {
    const add = (...more: LayerEntry[]) => tarLayer([...more, ...entries]);
    await refused(add({ path: "/etc/passwd", data: "x" }), INVALID, /"\/etc\/passwd" leads out/);
    await refused(add({ path: "a/../../b", data: "x" }), INVALID, /leads out/);
    await refused(add({ path: "in", type: "SymbolicLink", linkpath: "/etc/passwd" }), INVALID, /leads out/);
    await refused(add({ path: "d/in", type: "SymbolicLink", linkpath: "../../x" }), INVALID, /leads out/);
    await refused(add({ path: "in", type: "Link", linkpath: "../x" }), INVALID, /leads out/);
    await refused(add({ path: "manifest.json", data: "[]" }), INVALID, /two files/);
    const loop = ["x", "y"].map(
      (path, i): LayerEntry => ({ path, type: "SymbolicLink", linkpath: "yx"[i] as string }),
    );
    const looping = replaced(entries, /^manifest/, JSON.stringify([{ Config: "x", Layers: [] }]));
    await refused(
      Buffer.concat([tarLayer(loop).subarray(0, 1024), looping]),
      INVALID,
      /leads back to itself/,
    );
    const fifo = join(host.directory, "fifo");
    execFileSync("mkfifo", [fifo]);
    await refused(
      execFileSync("tar", ["-C", host.directory, "-cf", "-", "fifo"]),
      INVALID,
      /"fifo" is a fifo/,
    );
    rmSync(fifo);
  });

  test("files that are missing", async () => {
    await refused(without(entries, /^[0-9a-f]{64}\.json/), INVALID, /lacks the file [0-9a-f]{64}\.json/);
    await refused(without(entries, /0-1\/layer.tar/), INVALID, /lacks the file 0-1\/layer.tar/);
    const blobs = layout();
    for (const digest of blobs.blobs.keys())
      await refused(
        without(blobs.entries(), new RegExp(digest.slice(7))),
        INVALID,
        /lacks the file blobs\/sha256/,
      );
  });

  test("content that is not what its digest says", async () => {
    const mismatch = "ERR_TSRUN_DIGEST_MISMATCH";
    await refused(
      replaced(entries, /^[0-9a-f]{64}\.json/, configOf({ layers: [plain] })),
      mismatch,
      /configuration/,
    );
    await refused(replaced(entries, /0-0\/layer.tar/, squeezed), mismatch, /./);
    await refused(
      replaced(entries, /0-0\/layer.tar/, tarLayer([{ path: "evil" }])),
      mismatch,
      /a layer has the digest/,
    );
    // New content each time: what the store has already is not read from an archive.
    for (let i = 0; i < 4; i++) {
      const fresh = new Layout();
      const layers = [tarLayer([{ path: `x${i}`, data: "x" }]), gzipLayer([{ path: `y${i}`, data: "y" }])];
      fresh.add(fresh.image({ layers }), "my/app:1");
      const [digest, bytes] = [...fresh.blobs][i] as [string, Buffer];
      const archive = replaced(fresh.entries(), new RegExp(digest.slice(7)), flipped(bytes));
      await refused(archive, mismatch, /has the digest sha256:/);
    }
  });

  test("documents that contradict themselves or each other", async () => {
    const list = (value: unknown) => replaced(entries, /^manifest/, JSON.stringify(value));
    const [config] = entries;
    await refused(list({}), INVALID, /no list/);
    await refused(list([{ Config: 1 }]), INVALID, /without Config/);
    await refused(list([{ Config: config?.path, Layers: ["0-0/layer.tar"] }]), INVALID, /names 1 layers/);
    await refused(list([{ Config: "../../etc/passwd", Layers: [] }]), INVALID, /leads out/);
    await refused(replaced(entries, /^manifest/, "{"), INVALID, /not JSON/);
    await refused(
      list([{ Config: config?.path, RepoTags: ["UPPER"], Layers: [] }]),
      INVALID,
      /names 0 layers/,
    );
    await refused(
      list([{ Config: config?.path, RepoTags: ["UPPER"], Layers: ["0-0/layer.tar", "0-1/layer.tar"] }]),
      "ERR_TSRUN_REFERENCE_INVALID",
      /UPPER|lowercase/,
    );
    const version = replaced(layout().entries(), /^oci-layout/, '{"imageLayoutVersion":"9"}');
    await refused(version, INVALID, /version "9"/);
    const lying = layout();
    lying.manifests[0] = { ...(lying.manifests[0] as { digest: string; mediaType: string }), size: 3 };
    const big = Buffer.alloc(5 << 20, " ");
    await refused(replaced(layout().entries(), /^index.json/, big), INVALID, /5242880 bytes/);
  });

  test("a layer that is hostile itself", async () => {
    const hostile = tarLayer([{ path: "../../etc/cron.d/x", data: "x" }]);
    await refused(dockerArchive({ layers: [hostile] }), "ERR_TSRUN_LAYER_REFUSED", /./);
  });
});

describe("save", () => {
  test("writes the same bytes whenever and wherever, each blob once", async () => {
    await load(dockerArchive(image, { layers: [plain, squeezed], names: ["my/other:1"] }));
    const first = await bytesOf(await engine.images.save(["my/app:1", "my/other"]));
    expect(await bytesOf(await engine.images.save(["my/app", "my/other:1", "my/app:1"]))).toEqual(first);
    const names = (await entriesOf(Readable.from([first]))).map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.slice(0, 5)).toEqual([
      "oci-layout",
      "index.json",
      "manifest.json",
      "blobs/",
      "blobs/sha256/",
    ]);
    // Three layers, two configurations, two manifests.
    expect(names.length).toBe(5 + 7);
    const elsewhere = { root: join(host.directory, "other"), run: join(host.directory, "other-run") };
    const other = new Engine({ paths: elsewhere, config: {} as never });
    await other.images.load(Readable.from([first]));
    expect(await bytesOf(await other.images.save(["my/app:1", "my/other"]))).toEqual(first);
  });

  test("names: all tags of a repository, one, or none by id", async () => {
    await load(dockerArchive({ ...image, names: ["my/app:1", "my/app:2", "other:latest"] }));
    const tags = async (...names: string[]) => {
      const entries = new Map(await entriesOf(await engine.images.save(names)));
      return JSON.parse(entries.get("manifest.json") as string)[0].RepoTags;
    };
    expect(await tags("my/app")).toEqual(["my/app:1", "my/app:2"]);
    expect(await tags("my/app:2", "other")).toEqual(["other:latest", "my/app:2"]);
    expect(await tags(idOf(image))).toBe(null);
    expect(await tags(idOf(image).slice(7, 19))).toBe(null);
    expect(await tags(idOf(image), "other:latest")).toEqual(["other:latest"]);
  });

  test("refuses what is not there, another platform and damage", async () => {
    await load(dockerArchive(image));
    await expect(engine.images.save(["nobody"])).rejects.toMatchObject({ code: "ERR_TSRUN_IMAGE_NOT_FOUND" });
    await expect(engine.images.save(["my/app:1"], { platform: "linux/s390x" })).rejects.toMatchObject({
      code: "ERR_TSRUN_PLATFORM_NOT_FOUND",
    });
    const blob = join(paths.root, "blobs", sha256(zipped).replace(":", "/"));
    writeFileSync(blob, flipped(readFileSync(blob)));
    await expect(engine.images.save(["my/app:1"]).then(bytesOf)).rejects.toMatchObject({
      code: "ERR_TSRUN_IMAGE_DAMAGED",
    });
    truncateSync(blob, 10);
    await expect(engine.images.save(["my/app:1"]).then(bytesOf)).rejects.toMatchObject({
      code: "ERR_TSRUN_IMAGE_DAMAGED",
    });
  });

  test("holds the store until it is read or destroyed", async () => {
    await load(dockerArchive(image));
    const reading = await engine.images.save(["my/app:1"]);
    await engine.images.remove("my/app:1");
    expect((await bytesOf(reading)).length).toBeGreaterThan(0);
    const [{ id } = { id: "" }] = await load(dockerArchive(image));
    const abandoned = await engine.images.save(["my/app:1"]);
    abandoned.destroy();
    expect((await engine.images.remove("my/app:1")).deleted).toContain(id);
  });
});

describe("history", () => {
  test("from the latest step, with sizes of layers and steps without any", async () => {
    const rootfs = { type: "layers", diff_ids: [plain, zipped].map(diffIdOf) };
    const history = [
      { created: "2024-01-02T03:04:05Z", created_by: "ADD", comment: "first" },
      { created_by: "ENV", empty_layer: true },
      { created: "2024-01-02T03:04:07Z", created_by: "RUN" },
    ];
    const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", rootfs, history }));
    const layout = new Layout();
    const layers = [plain, zipped].map((layer, i) =>
      layout.blob(layer, `application/vnd.oci.image.layer.v1.tar${i === 1 ? "+gzip" : ""}`),
    );
    const manifest = layout.blob(
      { schemaVersion: 2, config: layout.blob(config, "application/vnd.oci.image.config.v1+json"), layers },
      "application/vnd.oci.image.manifest.v1+json",
    );
    await load(layout.add(manifest, "my/app:1").tar());
    expect(await engine.images.history("my/app:1")).toEqual([
      {
        id: sha256(config),
        names: ["my/app:1"],
        created: "2024-01-02T03:04:07Z",
        createdBy: "RUN",
        comment: "",
        size: 4,
      },
      { id: undefined, names: [], created: "", createdBy: "ENV", comment: "", size: 0 },
      {
        id: undefined,
        names: [],
        created: "2024-01-02T03:04:05Z",
        createdBy: "ADD",
        comment: "first",
        size: 4,
      },
    ]);
  });

  test("of an image that tells none: a line for each layer", async () => {
    await load(dockerArchive(image));
    expect((await engine.images.history("my/app:1")).map(({ size }) => size)).toEqual([4, 4]);
  });
});

const EMPTY_FILE = {
  type: "file",
  linkname: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  major: 0,
  minor: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
} as const;

/** The most memory that this process has meanwhile. */
async function watchMemory(act: () => Promise<unknown>): Promise<{ peak: number }> {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  try {
    await act();
  } finally {
    clearInterval(timer);
  }
  return { peak };
}

async function entriesOf(stream: Readable): Promise<[string, string][]> {
  const { tarEntries } = await import("../support/tar-entries.ts");
  return (await tarEntries(stream)).map(({ name, data }) => [name, data]);
}

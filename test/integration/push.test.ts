/** Pushing into Debian's docker-registry, and through a proxy that does to uploads what networks and proxies do. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import type { PushEvent } from "../../src/engine/api.ts";
import { removeImage } from "../../src/engine/remove-image.ts";
import { tagImage } from "../../src/engine/tag-image.ts";
import { parsePlatform } from "../../src/image/platform.ts";
import { pull } from "../../src/image/pull.ts";
import { type PushImagesOptions, pushImages } from "../../src/image/push.ts";
import { canonicalName, parseReference } from "../../src/image/reference.ts";
import { DEFAULT_POLICY } from "../../src/image/retry.ts";
import { blobPath } from "../../src/store/blobs.ts";
import { removeUnreferenced } from "../../src/store/collect.ts";
import { type ImageRecord, imageNamed, readImages } from "../../src/store/images.ts";
import { recordOrigins } from "../../src/store/origins.ts";
import type { Paths } from "../../src/store/paths.ts";
import { type ImageSpec, startRegistry, type TestRegistry } from "../support/registry.ts";
import { gzipLayer, tarLayer, zstdLayer } from "../support/tar-layer.ts";
import { errorBody, type SeenUpload, startUploadProxy, type UploadProxy } from "../support/upload-proxy.ts";

const policy = { ...DEFAULT_POLICY, attempts: 4, baseDelayMs: 5, maxDelayMs: 20 };
const CHUNK = 100_000;

let source: TestRegistry;
let registry: TestRegistry;
let proxy: UploadProxy;
let directory: string;
let paths: Paths;
let config: Config;
let events: PushEvent[];
let repositories = 0;

beforeAll(async () => {
  const urls = "validation:\n  manifests:\n    urls:\n      allow:\n        - ^https://\n";
  [source, registry] = await Promise.all([startRegistry(), startRegistry(undefined, urls)]);
});
afterAll(() => Promise.all([source.stop(), registry.stop()]));
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-push-"));
  paths = { root: join(directory, "root"), run: join(directory, "run") };
  config = { ...loadConfig({ HOME: directory, TSRUN_CONFIG: "" }), "certs-dir": join(directory, "certs.d") };
  events = [];
  proxy = await startUploadProxy(registry.url);
});
afterEach(async () => {
  await proxy.stop();
  rmSync(directory, { recursive: true });
});

/** A name in the registry behind the proxy that nobody has used yet, for the image that `name` stands for. */
async function tagFor(name: string, repository = `pushed/${repositories++}`): Promise<string> {
  const reference = `${proxy.host}/${repository}:1`;
  await tagImage({ paths, config }, name, reference);
  return reference;
}
async function pulled(image: ImageSpec): Promise<{ name: string; digest: string }> {
  const repository = `made/${repositories++}`;
  const { digest } = await source.pushImage(repository, ["1"], image);
  const name = `${source.host}/${repository}:1`;
  await pull({ paths, config }, name, { policy });
  return { name, digest };
}
function put(reference: string, options: PushImagesOptions = {}) {
  const ref = parseReference(reference);
  const record = imageNamed(paths, canonicalName(ref)) as ImageRecord;
  return pushImages({ paths, config }, [{ ref, record }], {
    policy,
    chunk: CHUNK,
    onProgress: (event) => events.push(event),
    ...options,
  });
}
/** Pulls the name into a store of its own, which verifies everything; returns the digest. */
async function pullAnew(reference: string): Promise<string> {
  const other = { root: join(directory, "other"), run: join(directory, "other-run") };
  const { digest } = await pull({ paths: other, config }, reference, { policy });
  rmSync(other.root, { recursive: true });
  return digest;
}

const layers = (...contents: (string | Buffer)[]): ImageSpec => ({
  layers: contents.map((data, i) => gzipLayer([{ path: `file${i}`, data }])),
});
/** Does not compress, so that it is large on the wire. */
const large = (bytes = 600_000): ImageSpec => layers(randomBytes(bytes));
const asked = (method: string) => proxy.seen.filter((request) => request.method === method);
const chunks = () => asked("PATCH").map(({ headers }) => headers["content-range"]);
const states = () => events.flatMap((event) => (event.type === "layer" ? [event.state] : []));
const retries = () => events.filter(({ type }) => type === "retry");
const nthPatch = (n: number, { method }: SeenUpload) => method === "PATCH" && asked("PATCH").length === n;

describe("what is sent", () => {
  test("what the registry lacks, in one request where it is small, byte for byte", async () => {
    const { name, digest } = await pulled({
      layers: [
        gzipLayer([{ path: "a", data: "a" }]),
        zstdLayer([{ path: "b", data: "b" }]),
        tarLayer([{ path: "c/" }]),
      ],
    });
    const reference = await tagFor(name);
    const [pushed] = await put(reference);
    expect(pushed).toEqual({ reference, digest, size: expect.any(Number) });
    expect(asked("PATCH")).toEqual([]);
    expect(asked("POST")).toHaveLength(4);
    expect(states().sort()).toEqual(
      ["preparing", "pushed", "pushing"].flatMap((state) => [state, state, state]),
    );
    expect(await pullAnew(reference)).toBe(digest);

    proxy.seen = [];
    events = [];
    expect(await put(reference)).toEqual([pushed]);
    expect(asked("POST")).toEqual([]);
    expect(states().filter((state) => state === "exists")).toHaveLength(3);
  });

  test("a large layer in chunks that follow each other", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    await put(reference);
    const ranges = chunks().map((range) => range?.split("-").map(Number) as [number, number]);
    expect(ranges.length).toBe(7);
    ranges.forEach(([from], i) => {
      expect(from).toBe(i === 0 ? 0 : (ranges[i - 1] as [number, number])[1] + 1);
    });
    expect(events.filter(({ type }) => type === "progress").at(-1)).toMatchObject({
      sentBytes: expect.any(Number),
    });
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("the same layer once, however often the image has it, and an empty one", async () => {
    const layer = gzipLayer([{ path: "twice", data: "x" }]);
    const { name, digest } = await pulled({ layers: [layer, gzipLayer([{ path: "once/" }]), layer] });
    const reference = await tagFor(name);
    await put(reference);
    expect(asked("POST")).toHaveLength(3);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("nothing of a layer that another repository of the registry has", async () => {
    const { name, digest } = await pulled(large());
    const first = await tagFor(name);
    await put(first);
    proxy.seen = [];
    events = [];
    const second = await tagFor(name);
    await put(second);
    const repository = parseReference(first).path;
    expect(events).toContainEqual(
      expect.objectContaining({ type: "layer", state: "mounted", from: repository }),
    );
    expect(asked("PATCH")).toEqual([]);
    expect(asked("PUT").map(({ url }) => url)).toEqual([expect.stringContaining("/manifests/1")]);
    expect(await pullAnew(second)).toBe(digest);
  });

  test("the layer itself where the repository that should have it has not", async () => {
    const { name, digest } = await pulled(layers("not there"));
    const reference = await tagFor(name);
    const record = imageNamed(paths, canonicalName(parseReference(name))) as ImageRecord;
    const manifest = JSON.parse(readFileSync(blobPath(paths, record.manifest), "utf8"));
    await recordOrigins(paths, `${proxy.host}/no/such`, [manifest.layers[0].digest]);
    await put(reference);
    const mounts = asked("POST").filter(({ url }) => url.includes("mount="));
    // What the mount has turned into is used: one more POST is for the configuration.
    expect(mounts).toHaveLength(1);
    expect(asked("POST")).toHaveLength(2);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("an image that was removed here meanwhile", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    const pushing = put(reference);
    for (const text of [name, reference]) await removeImage(paths, text, { users: () => [] });
    await pushing;
    expect(readImages(paths)).toMatchObject({ names: {}, known: {} });
    expect(await pullAnew(reference)).toBe(digest);
  });
});

describe("on a network's worst days", () => {
  test("an upload goes on from what the registry has kept of a broken connection", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    proxy.fault = (request) =>
      nthPatch(3, request) ? { kind: "cut", after: 40_000, kept: "part" } : undefined;
    await put(reference);
    expect(chunks().slice(0, 4)).toEqual(["0-99999", "100000-199999", "200000-299999", "240000-339999"]);
    expect(asked("GET").filter(({ url }) => url.includes("/blobs/uploads/"))).toHaveLength(1);
    expect(retries()).toHaveLength(1);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("and from the last whole chunk where a proxy had held the rest back", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    proxy.fault = (request) =>
      nthPatch(3, request) ? { kind: "cut", after: 40_000, kept: "none" } : undefined;
    await put(reference);
    expect(chunks().slice(0, 4)).toEqual(["0-99999", "100000-199999", "200000-299999", "200000-299999"]);
    expect(asked("POST")).toHaveLength(2);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("begins anew where the registry has lost the upload with the connection", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    proxy.fault = (request) =>
      nthPatch(3, request) || nthPatch(6, request) ? { kind: "cut", after: 40_000, kept: "torn" } : undefined;
    await put(reference);
    expect(chunks()).toContain("500000-599999");
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("an upload whose last answer was lost is not made again", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    let deaf = 0;
    proxy.fault = ({ method, url }) =>
      method === "PUT" && url.includes("/blobs/uploads/") && deaf++ === 0 ? { kind: "deafen" } : undefined;
    await put(reference);
    const puts = asked("PUT").filter(({ url }) => url.includes("/blobs/uploads/"));
    expect(puts).toHaveLength(2); // one for the layer, one for the configuration
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("a registry that takes no chunks gets the layer in one piece", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    proxy.fault = ({ method }) =>
      method === "PATCH" ? { kind: "answer", status: 415, body: errorBody("UNSUPPORTED", "no") } : undefined;
    await put(reference);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("a proxy that limits requests gets smaller chunks", async () => {
    const { name, digest } = await pulled(large(3_000_000));
    const reference = await tagFor(name);
    proxy.fault = ({ headers }) =>
      Number(headers["content-length"]) > 1_000_000
        ? { kind: "answer", status: 413, body: "<html>" }
        : undefined;
    await put(reference, { chunk: 16 * 1024 * 1024 });
    expect(asked("PATCH").length).toBeGreaterThan(3);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("503 is retried, after as long as Retry-After says; a failure for good ends the other uploads", async () => {
    const { name, digest } = await pulled(layers("one", "two", "three"));
    const reference = await tagFor(name);
    let busy = 3;
    proxy.fault = ({ method }) =>
      method === "POST" && busy-- > 0
        ? {
            kind: "answer",
            status: 503,
            headers: { "Retry-After": "0" },
            body: errorBody("UNAVAILABLE", "busy"),
          }
        : undefined;
    await put(reference);
    expect(retries().length).toBeGreaterThan(1);
    expect(await pullAnew(reference)).toBe(digest);

    proxy.fault = ({ method }) =>
      method === "POST" ? { kind: "answer", status: 500, body: "x" } : undefined;
    await expect(put(await tagFor(name, "elsewhere"))).rejects.toMatchObject({
      code: "ERR_TSRUN_REGISTRY_FAILED",
    });
  });

  test("a connection on which nothing moves is given up and tried again", async () => {
    const { name, digest } = await pulled(layers("stall"));
    const reference = await tagFor(name);
    let silent = 1;
    proxy.fault = ({ method }) => (method === "HEAD" && silent-- > 0 ? { kind: "silence" } : undefined);
    await put(reference, { policy: { ...policy, stallMs: 1000 } });
    expect(retries().length).toBeGreaterThan(0);
    expect(await pullAnew(reference)).toBe(digest);
  });

  test("an abort ends it and leaves nothing half done here", async () => {
    const { name } = await pulled(large());
    const reference = await tagFor(name);
    const controller = new AbortController();
    proxy.fault = (request) => {
      if (nthPatch(2, request)) controller.abort(new Error("enough"));
      return undefined;
    };
    await expect(put(reference, { signal: controller.signal })).rejects.toThrow("enough");
    expect(await put(reference)).toHaveLength(1);
  });
});

describe("who may push", () => {
  const header = `Basic ${Buffer.from("ann:secret").toString("base64")}`;
  const logIn = () => {
    const file = join(directory, "auth.json");
    const auth = Buffer.from("ann:secret").toString("base64");
    writeFileSync(file, JSON.stringify({ auths: { [proxy.host]: { auth } } }));
    config = { ...config, "auth-file": file };
  };

  test("credentials are sent to the registry, never to where it sends uploads", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    const storage = await startUploadProxy(registry.url);
    proxy.authorization = { header, challenge: 'Basic realm="test"' };
    proxy.uploadsTo = storage.host;
    await expect(put(reference)).rejects.toMatchObject({ code: "ERR_TSRUN_PUSH_UNAUTHORIZED" });
    logIn();
    await put(reference);
    expect(storage.seen.length).toBeGreaterThan(6);
    expect(storage.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    expect(await pullAnew(reference)).toBe(digest);
    await storage.stop();
  });

  test("tokens are asked for pull and push, and renewed in the middle of an upload", async () => {
    const { name, digest } = await pulled(large());
    const reference = await tagFor(name);
    const { path } = parseReference(reference);
    const scopes: (string | null)[] = [];
    let uses = 0;
    proxy.fault = ({ method, url, headers }) => {
      if (url.startsWith("/token")) {
        scopes.push(new URL(url, "http://x").searchParams.get("scope"));
        uses = 5;
        return {
          kind: "answer",
          status: 200,
          body: JSON.stringify({ token: `t${scopes.length}`, expires_in: 300 }),
        };
      }
      if (headers.authorization === `Bearer t${scopes.length}` && uses-- > 0) return undefined;
      const scope =
        url === "/v2/" ? "" : `,scope="repository:${path}:${method === "HEAD" ? "pull" : "pull,push"}"`;
      const challenge = `Bearer realm="http://${proxy.host}/token",service="the service"${scope}`;
      return { kind: "answer", status: 401, headers: { "WWW-Authenticate": challenge } };
    };
    await put(reference);
    expect(scopes[0]).toBe(`repository:${path}:pull,push`);
    expect(scopes.length).toBeGreaterThan(2);
    proxy.fault = () => undefined;
    expect(await pullAnew(reference)).toBe(digest);
  });

  test.each([
    [401, "UNAUTHORIZED", "ERR_TSRUN_PUSH_UNAUTHORIZED"],
    [403, "DENIED", "ERR_TSRUN_PUSH_DENIED"],
    [404, "NAME_UNKNOWN", "ERR_TSRUN_PUSH_NAME_UNKNOWN"],
    [400, "NAME_INVALID", "ERR_TSRUN_PUSH_NAME_UNKNOWN"],
    [405, "UNSUPPORTED", "ERR_TSRUN_REGISTRY_READ_ONLY"],
    [413, "SIZE_INVALID", "ERR_TSRUN_PUSH_TOO_LARGE"],
    [429, "TOOMANYREQUESTS", "ERR_TSRUN_RATE_LIMITED"],
  ])("%i %s is %s", async (status, code, expected) => {
    const { name } = await pulled(layers(code));
    proxy.fault = ({ method, url }) =>
      method === "POST" || url.includes("/manifests/")
        ? {
            kind: "answer",
            status,
            body: errorBody(code, "says the registry"),
            headers: { "Retry-After": "9999" },
          }
        : undefined;
    const failure = put(await tagFor(name));
    await expect(failure).rejects.toMatchObject({ code: expected, hint: expect.any(String) });
    await expect(failure).rejects.toThrow("says the registry");
  });

  test("a manifest that the registry refuses", async () => {
    const { name } = await pulled(layers("refused"));
    proxy.fault = ({ method, url }) =>
      method === "PUT" && url.includes("/manifests/")
        ? { kind: "answer", status: 400, body: errorBody("MANIFEST_INVALID", "manifest invalid") }
        : undefined;
    await expect(put(await tagFor(name))).rejects.toMatchObject({
      code: "ERR_TSRUN_PUSH_REFUSED",
      message: expect.stringContaining("manifest invalid"),
    });
  });
});

describe("what is not here as it was pulled", () => {
  const member = (architecture: string): ImageSpec => ({ ...layers(`for ${architecture}`), architecture });

  async function index(): Promise<{ name: string; digest: string; members: string[] }> {
    const repository = `made/${repositories++}`;
    const members = [];
    for (const architecture of ["amd64", "arm64"])
      members.push(await source.pushImage(repository, [], member(architecture)));
    const { digest } = await source.pushIndex(repository, ["1"], members);
    return { name: `${source.host}/${repository}:1`, digest, members: members.map((image) => image.digest) };
  }
  const pullFor = (name: string, platform: string) => pull({ paths, config }, name, { policy, platform });

  test("an index goes whole where all of its images are here", async () => {
    const { name, digest } = await index();
    for (const platform of ["linux/arm64", "linux/amd64"]) await pullFor(name, platform);
    const reference = await tagFor(name);
    expect(await put(reference)).toEqual([{ reference, digest, size: expect.any(Number) }]);
    for (const platform of ["linux/arm64", "linux/amd64"])
      expect(await pullFor(reference, platform)).toMatchObject({ digest });
  });

  test("else the one image that is, and says so; or the index all the same where the registry has the others", async () => {
    const { name, digest, members } = await index();
    await pullFor(name, "linux/amd64");
    const reference = await tagFor(name);
    expect(await put(reference)).toMatchObject([{ digest: members[0] }]);
    expect(events).toContainEqual({
      type: "substitute",
      reason: "platform",
      original: digest,
      pushed: members[0],
    });
    expect(imageNamed(paths, canonicalName(parseReference(reference)))?.target.digest).toBe(digest);

    const { path } = parseReference(reference);
    await registry.pushImage(path, [], member("arm64"));
    expect(await put(reference)).toMatchObject([{ digest }]);
  });

  test("--platform is one image of the index by itself", async () => {
    const { name, members } = await index();
    await pullFor(name, "linux/arm64");
    const reference = await tagFor(name);
    expect(await put(reference, { platform: parsePlatform("linux/arm64") })).toMatchObject([
      { digest: members[1] },
    ]);
    for (const platform of ["linux/amd64", "linux/s390x"]) {
      await expect(put(reference, { platform: parsePlatform(platform) })).rejects.toMatchObject({
        code: "ERR_TSRUN_PLATFORM_NOT_FOUND",
      });
    }
  });

  test.each(["oci", "docker"] as const)("a layer of another %s image, in its compression", async (format) => {
    const entries = [{ path: "shared", data: `${format} ${Math.random()}` }];
    const [top, own] = [gzipLayer([{ path: "top" }]), gzipLayer([{ path: "own" }])];
    await pulled({ layers: [zstdLayer(entries), own] });
    const second = await pulled({ layers: [gzipLayer(entries), top], format });
    const reference = await tagFor(second.name);
    const [pushed] = await put(reference);
    expect(pushed?.digest).not.toBe(second.digest);
    expect(events).toContainEqual({
      type: "substitute",
      reason: "compression",
      original: second.digest,
      pushed: pushed?.digest,
    });
    expect(await pullAnew(reference)).toBe(pushed?.digest);
  });

  test("every manifest of an image that has several names is kept, and pushed under its own", async () => {
    const image = layers("the same configuration");
    const names = [];
    for (const format of ["oci", "docker"] as const) names.push(await pulled({ ...image, format }));
    await removeUnreferenced(paths, () => []);
    for (const { name, digest } of names) expect(await put(await tagFor(name))).toMatchObject([{ digest }]);
  });

  test("a blob that is lost here is an error, unless the registry has it", async () => {
    const { name, digest } = await pulled(layers("lost"));
    const record = imageNamed(paths, canonicalName(parseReference(name))) as ImageRecord;
    const reference = await tagFor(name);
    await put(reference);
    const blobs = join(paths.root, "blobs", "sha256");
    for (const file of readdirSync(blobs))
      if (![record.manifest, record.config].includes(`sha256:${file}`)) rmSync(join(blobs, file));
    expect(await put(reference)).toMatchObject([{ digest }]);
    rmSync(join(paths.root, "origins.json"));
    await expect(put(await tagFor(name))).rejects.toMatchObject({ code: "ERR_TSRUN_IMAGE_DAMAGED" });
  });

  test.each([
    ["shortened", (bytes: Buffer) => bytes.subarray(1)],
    ["altered", (bytes: Buffer) => Buffer.concat([bytes.subarray(1), Buffer.of(0)])],
  ])("a blob that was %s on disk is found out, and named", async (_how, damage) => {
    const { name } = await pulled(layers("damaged"));
    const record = imageNamed(paths, canonicalName(parseReference(name))) as ImageRecord;
    const blobs = join(paths.root, "blobs", "sha256");
    for (const file of readdirSync(blobs)) {
      if ([record.manifest, record.config].includes(`sha256:${file}`)) continue;
      writeFileSync(join(blobs, file), damage(readFileSync(join(blobs, file))));
    }
    await expect(put(await tagFor(name))).rejects.toMatchObject({ code: "ERR_TSRUN_IMAGE_DAMAGED" });
  });

  test("foreign layers stay where they are", async () => {
    const repository = `made/${repositories++}`;
    const layer = gzipLayer([{ path: "foreign", data: "not to be distributed" }]);
    const image = await source.pushImage(repository, [], { layers: [layer], format: "docker" });
    const blob = { digest: image.layers[0]?.digest, size: image.layers[0]?.size };
    const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
    const manifest = JSON.parse(
      await (
        await fetch(`${source.url}/v2/${repository}/manifests/${image.digest}`, {
          headers: { Accept: mediaType },
        })
      ).text(),
    );
    manifest.layers = [
      {
        mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ...blob,
        urls: ["https://elsewhere.example/layer"],
      },
    ];
    const allowing = await startRegistry(undefined, "validation:\n  disabled: true\n");
    await allowing.pushBlob("foreign", layer);
    await allowing.pushBlob("foreign", (await blobOf(repository, image.imageId)) as Buffer);
    const { digest } = await allowing.pushManifest("foreign", ["1"], { mediaType, document: manifest });
    const name = `${allowing.host}/foreign:1`;
    await pull({ paths, config }, name, { policy });
    await allowing.stop();

    const reference = await tagFor(name);
    expect(await put(reference)).toMatchObject([{ digest }]);
    expect(states()).toEqual(["preparing", "skipped"]);
    const found = await fetch(`${registry.url}/v2/${parseReference(reference).path}/blobs/${blob.digest}`);
    expect(found.status).toBe(404);
  });

  async function blobOf(repository: string, digest: string): Promise<Buffer> {
    const response = await fetch(`${source.url}/v2/${repository}/blobs/${digest}`);
    return Buffer.from(await response.arrayBuffer());
  }
});

test("tags are names of the image, by name and by id, and nothing else happens", async () => {
  const { name } = await pulled(layers("tagged"));
  const record = imageNamed(paths, canonicalName(parseReference(name))) as ImageRecord;
  await tagImage({ paths, config }, record.config.slice(7, 19), "by/id:2");
  expect(imageNamed(paths, "docker.io/by/id:2")).toEqual(record);
  await expect(tagImage({ paths, config }, "none", "x")).rejects.toMatchObject({
    code: "ERR_TSRUN_IMAGE_NOT_FOUND",
  });
  await expect(tagImage({ paths, config }, name, `x@${record.config}`)).rejects.toMatchObject({
    code: "ERR_TSRUN_REFERENCE_INVALID",
  });
  expect(existsSync(join(paths.root, "tmp")) ? readdirSync(join(paths.root, "tmp")) : []).toEqual([]);
});

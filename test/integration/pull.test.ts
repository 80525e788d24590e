import { randomBytes } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import type { PullEvent } from "../../src/engine/api.ts";
import { inspectImage, listImages, provideImage, resolveImage } from "../../src/engine/images.ts";
import { removeImage } from "../../src/engine/remove-image.ts";
import { type PullImageOptions, pull } from "../../src/image/pull.ts";
import { DEFAULT_POLICY } from "../../src/image/retry.ts";
import { hasBlob } from "../../src/store/blobs.ts";
import { removeUnreferenced } from "../../src/store/collect.ts";
import { readImages } from "../../src/store/images.ts";
import { layerPath } from "../../src/store/layers.ts";
import type { Paths } from "../../src/store/paths.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ImageSpec, type Pushed, startRegistry, type TestRegistry } from "../support/registry.ts";
import { diffIdOf, gzipLayer, sha256, tarLayer, zstdLayer } from "../support/tar-layer.ts";
import { startTlsRegistry, type TlsRegistry } from "../support/tls-registry.ts";

const policy = { ...DEFAULT_POLICY, attempts: 4, baseDelayMs: 5, maxDelayMs: 20 };

let registry: TestRegistry;
let proxy: FaultyProxy;
let directory: string;
let paths: Paths;
let config: Config;
let events: PullEvent[];

beforeAll(async () => {
  // Layers that are elsewhere: the registry refuses their manifests otherwise.
  registry = await startRegistry(undefined, 'validation:\n  manifests:\n    urls:\n      allow: [".*"]\n');
});
afterAll(() => registry.stop());
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-pull-"));
  paths = { root: join(directory, "root"), run: join(directory, "run") };
  config = { ...loadConfig({ HOME: directory, TSRUN_CONFIG: "" }), "certs-dir": join(directory, "certs.d") };
  events = [];
  proxy = await startFaultyProxy(registry.url);
});
afterEach(async () => {
  await proxy.stop();
  rmSync(directory, { recursive: true });
});

function get(reference: string, options: PullImageOptions = {}) {
  return pull({ paths, config }, reference, {
    policy,
    onProgress: (event) => events.push(event),
    ...options,
  });
}
const blobRequests = (digest: string) => proxy.seen.filter(({ url }) => url.endsWith(`/blobs/${digest}`));
const retries = () => events.filter((event) => event.type === "retry");

/** Nothing is visible of an image that failed: no name, no id, no unpacked layer. */
function expectNothing() {
  expect(readImages(paths)).toMatchObject({ names: {}, known: {} });
  const layers = join(paths.root, "layers");
  expect(existsSync(layers) ? readdirSync(layers) : []).toEqual([]);
}

function login(host: string, user: string, password: string): void {
  mkdirSync(join(directory, ".docker"), { recursive: true });
  const auth = Buffer.from(`${user}:${password}`).toString("base64");
  writeFileSync(join(directory, ".docker", "config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
}

/** Three layers, one of each compression; the top one takes a file of the lowest away. */
const threeLayers: ImageSpec = {
  layers: [
    gzipLayer([{ path: "etc/" }, { path: "etc/a", data: "lowest" }, { path: "etc/b", data: "b" }]),
    zstdLayer([{ path: "etc/" }, { path: "etc/a", data: "middle" }]),
    tarLayer([{ path: "etc/" }, { path: "etc/.wh.b" }]),
  ],
  config: { Cmd: ["/bin/x"], Env: ["A=b"], Labels: { l: "v" } },
};
const oneLayer = (text: string): ImageSpec => ({ layers: [gzipLayer([{ path: "file", data: text }])] });
/** Does not compress, so that it is large on the wire. */
const large = (): ImageSpec => ({ layers: [gzipLayer([{ path: "large", data: randomBytes(600_000) }])] });

describe("from a registry", () => {
  test("an OCI image of gzip, zstd and plain layers", async () => {
    const image = await registry.pushImage("kinds", ["1"], threeLayers);
    const result = await get(`${registry.host}/kinds:1`);
    expect(result).toEqual({ digest: image.digest, imageId: image.imageId, upToDate: false });

    const details = inspectImage(paths, `${registry.host}/kinds:1`);
    expect(details).toMatchObject({
      id: image.imageId,
      names: [`${registry.host}/kinds:1`],
      digests: [`${registry.host}/kinds@${image.digest}`],
      created: "2024-01-02T03:04:05Z",
      architecture: "amd64",
      os: "linux",
      config: threeLayers.config,
      layers: image.layers.map(({ diffId }) => diffId),
      size: "lowest".length + "b".length + "middle".length,
    });
    expect(readFileSync(join(layerPath(paths, details.layers[1] as string), "etc/a"), "utf8")).toBe("middle");
    const total = image.layers.reduce((sum, { size }) => sum + size, 0);
    expect(events[0]).toEqual({
      type: "start",
      reference: `${registry.host}/kinds:1`,
      digest: image.digest,
      layers: 3,
      totalBytes: total,
    });
    expect(events.filter(({ type }) => type === "progress").at(-1)).toMatchObject({
      receivedBytes: total,
      totalBytes: total,
    });
    expect(events.at(-1)).toMatchObject({ type: "done", upToDate: false });
  });

  test("Docker's schema 2, and again: up to date, nothing downloaded, the manifest not counted as a pull", async () => {
    const image = await registry.pushImage("docker", ["latest"], {
      ...oneLayer("schema 2"),
      format: "docker",
    });
    await get(`${proxy.host}/docker`);
    proxy.seen.length = 0;
    events.length = 0;
    expect(await get(`${proxy.host}/docker`)).toEqual({
      digest: image.digest,
      imageId: image.imageId,
      upToDate: true,
    });
    expect(proxy.seen.map(({ method }) => method)).toEqual(["HEAD"]);
    expect(events).toContainEqual({ type: "layer", digest: image.layers[0]?.digest, state: "exists" });
  });

  test.each(["oci", "docker"] as const)(
    "an %s index: the platform asked for, the host's by default",
    async (format) => {
      const members: Pushed[] = [];
      for (const [architecture, variant] of [["amd64"], ["arm64", "v8"], ["arm", "v6"]] as [
        string,
        string?,
      ][]) {
        const spec = { ...oneLayer(`${format} ${architecture}`), architecture, format };
        members.push(
          await registry.pushImage("multi", [], variant === undefined ? spec : { ...spec, variant }),
        );
      }
      const { digest } = await registry.pushIndex("multi", [format], members, format);
      const reference = `${registry.host}/multi:${format}`;
      for (const [platform, member] of [
        ["linux/amd64", 0],
        ["linux/arm64", 1],
        ["linux/arm/v7", 2],
      ] as const) {
        expect(await get(reference, { platform })).toMatchObject({
          digest,
          imageId: members[member]?.imageId,
        });
      }
      await expect(get(reference, { platform: "linux/s390x" })).rejects.toMatchObject({
        code: "ERR_TSRUN_PLATFORM_NOT_FOUND",
        message: "no matching manifest for linux/s390x in the manifest list entries",
      });
    },
  );

  test("by digest, of an index or of a manifest, with or without a tag", async () => {
    const member = await registry.pushImage("digests", [], oneLayer("by digest"));
    const index = await registry.pushIndex("digests", ["t"], [member]);
    for (const reference of [`digests@${member.digest}`, `digests:other@${index.digest}`]) {
      const full = `${registry.host}/${reference}`;
      expect(await get(full, { platform: "linux/amd64" })).toMatchObject({ imageId: member.imageId });
      expect(resolveImage(paths, full).names).toEqual([]);
    }
  });

  test("the same layer twice in an image, and shared between two images, is downloaded once", async () => {
    const [shared] = oneLayer("shared").layers as [Buffer];
    const twice = await registry.pushImage("twice", ["1"], { layers: [shared, shared] });
    await registry.pushImage("twice", ["2"], { layers: [shared], config: { Cmd: ["other"] } });
    await get(`${proxy.host}/twice:1`);
    await get(`${proxy.host}/twice:2`);
    expect(blobRequests(twice.layers[0]?.digest as string)).toHaveLength(1);
    expect(resolveImage(paths, `${proxy.host}/twice:1`).diffIds).toHaveLength(2);
  });

  test("two pulls of one image at once", async () => {
    const image = await registry.pushImage("race", ["1"], threeLayers);
    const results = await Promise.all([get(`${registry.host}/race:1`), get(`${registry.host}/race:1`)]);
    expect(results.map(({ imageId }) => imageId)).toEqual([image.imageId, image.imageId]);
  });

  test("a tag that moved: the old image stays, without the name", async () => {
    const old = await registry.pushImage("moving", ["1"], oneLayer("old"));
    const reference = `${registry.host}/moving:1`;
    await get(reference);
    const next = await registry.pushImage("moving", ["1"], oneLayer("new"));
    expect(await get(reference)).toMatchObject({ imageId: next.imageId, upToDate: false });
    expect(inspectImage(paths, old.imageId)).toMatchObject({
      names: [],
      digests: [`${registry.host}/moving@${old.digest}`],
    });
  });

  test("Alpine itself, where its distribution's tarball is at hand", async (context) => {
    const tarball = join(
      import.meta.dirname,
      "../../../shared/images/alpine-minirootfs-3.20.3-x86_64.tar.gz",
    );
    if (!existsSync(tarball)) return context.skip("no Alpine tarball beside the checkout");
    await registry.pushImage("library/alpine", ["3.20"], { layers: [readFileSync(tarball)] });
    config = { ...config, "registry-mirrors": [registry.url] };
    await get("alpine:3.20", { platform: "linux/amd64" });
    const { diffIds } = resolveImage(paths, "alpine:3.20");
    expect(readFileSync(join(layerPath(paths, diffIds[0] as string), "etc/alpine-release"), "utf8")).toBe(
      "3.20.3\n",
    );
  });
});

describe("on its worst days", () => {
  test("a broken connection is resumed at the byte that it broke at", async () => {
    const image = await registry.pushImage("break", ["1"], large());
    const { digest } = image.layers[0] as { digest: string };
    let breaks = 0;
    proxy.fault = ({ url }) =>
      url.endsWith(digest) && breaks++ < 3 ? { kind: "break", after: 150_000 } : undefined;
    await get(`${proxy.host}/break:1`);
    const ranges = blobRequests(digest).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, "bytes=150000-", "bytes=300000-", "bytes=450000-"]);
    expect(retries()).toHaveLength(3);
    expect(events.filter(({ type }) => type === "progress").at(-1)).toMatchObject({
      receivedBytes: image.layers[0]?.size,
    });
  });

  test("also from a registry that ignores Range", async () => {
    const image = await registry.pushImage("norange", ["1"], large());
    const { digest } = image.layers[0] as { digest: string };
    proxy.fault = ({ url, headers }) => {
      if (!url.endsWith(digest)) return undefined;
      return headers.range === undefined ? { kind: "break", after: 100_000 } : { kind: "ignoreRange" };
    };
    expect(await get(`${proxy.host}/norange:1`)).toMatchObject({ imageId: image.imageId });
  });

  test("a stalled connection is given up and resumed; a stalled manifest is asked for again", async () => {
    const image = await registry.pushImage("stall", ["1"], large());
    const { digest } = image.layers[0] as { digest: string };
    const stalled = new Set<string>();
    proxy.fault = ({ url }) => {
      if (stalled.has(url) || !(url.endsWith(digest) || url.includes("/manifests/"))) return undefined;
      stalled.add(url);
      return { kind: "stall", after: url.endsWith(digest) ? 100_000 : 0 };
    };
    await get(`${proxy.host}/stall:1`, { policy: { ...policy, stallMs: 400 } });
    expect(blobRequests(digest).map(({ headers }) => headers.range)).toEqual([undefined, "bytes=100000-"]);
    expect(retries().map(({ reason }) => reason)).toEqual([
      expect.stringContaining("no data from"),
      expect.stringContaining("no data from"),
    ]);
  });

  test("503 and 429 are retried, after as long as Retry-After says", async () => {
    await registry.pushImage("busy", ["1"], oneLayer("busy"));
    const answers = [
      { status: 503, headers: { "Retry-After": "1" } },
      { status: 429, headers: { "Retry-After": new Date(Date.now() - 1000).toUTCString() } },
      { status: 502 },
    ];
    proxy.fault = ({ url }) => {
      const answer = url.includes("/manifests/") ? answers.shift() : undefined;
      return answer === undefined ? undefined : { kind: "answer", ...answer };
    };
    const start = performance.now();
    await get(`${proxy.host}/busy:1`);
    expect(performance.now() - start).toBeGreaterThan(1000);
    expect(retries().map(({ delayMs }) => delayMs)).toEqual([1000, 0, expect.any(Number)]);
  });

  test("a pull limit is reported with what its headers tell, and not waited for", async () => {
    proxy.fault = () => ({
      kind: "answer",
      status: 429,
      headers: {
        "RateLimit-Limit": "100;w=21600",
        "RateLimit-Remaining": "0;w=21600",
        "Retry-After": "3600",
      },
      body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}',
    });
    await expect(get(`${proxy.host}/limited`)).rejects.toMatchObject({
      code: "ERR_TSRUN_RATE_LIMITED",
      message: expect.stringMatching(
        /You have reached your pull rate limit\. \(limit 100 per 6 h, 0 remaining, resets at 20.*Z\)/,
      ),
    });
    expect(proxy.seen).toHaveLength(1);
  });

  test.each(["layer", "config", "manifest"])(
    "a corrupted %s is refused, and nothing is left of the image",
    async (what) => {
      const image = await registry.pushImage("corrupt", ["1"], large());
      const wanted = {
        layer: image.layers[0]?.digest as string,
        config: image.imageId,
        manifest: "/manifests/1",
      }[what] as string;
      proxy.fault = ({ url }) =>
        url.endsWith(wanted) ? { kind: "corrupt", at: what === "layer" ? 300_000 : 20 } : undefined;
      await expect(get(`${proxy.host}/corrupt:1`)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_TSRUN_(DIGEST_MISMATCH|LAYER_CORRUPT)$/),
      });
      expectNothing();
    },
  );

  test("a pull that is aborted leaves nothing of the image, and ends at once", async () => {
    const image = await registry.pushImage("abort", ["1"], large());
    const { digest } = image.layers[0] as { digest: string };
    proxy.fault = ({ url }) => (url.endsWith(digest) ? { kind: "stall", after: 100_000 } : undefined);
    const controller = new AbortController();
    const onProgress = (event: PullEvent) =>
      event.type === "progress" && event.receivedBytes > 0 && controller.abort();
    const start = performance.now();
    await expect(
      get(`${proxy.host}/abort:1`, { signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(performance.now() - start).toBeLessThan(5000);
    expectNothing();
  });

  test("a mirror that fails is left after one more try, for its pause is not worth waiting for", async () => {
    await registry.pushImage("library/mirrored", ["1"], oneLayer("mirrored"));
    const patient = { ...policy, attempts: 6, baseDelayMs: 10_000, maxDelayMs: 10_000 };
    proxy.fault = () => ({ kind: "answer", status: 503 });
    config = { ...config, "registry-mirrors": [proxy.url, registry.url] };
    const start = performance.now();
    await get("mirrored:1", { policy: patient });
    expect(performance.now() - start).toBeLessThan(5000);
    expect(proxy.seen).toHaveLength(2);
    proxy.seen.length = 0;
    proxy.fault = () => ({ kind: "answer", status: 503, headers: { "Retry-After": "60" } });
    await get("mirrored:1", { policy: patient });
    expect(proxy.seen).toHaveLength(1);
  });

  test("one layer's failure ends the others", async () => {
    const layers = [...large().layers, ...large().layers, ...large().layers];
    const image = await registry.pushImage("partial", ["1"], { layers });
    const [first, second, third] = image.layers.map(({ digest }) => digest) as [string, string, string];
    proxy.fault = ({ url }) => {
      if (url.endsWith(first)) return { kind: "corrupt", at: 400_000 };
      return url.endsWith(second) || url.endsWith(third) ? { kind: "stall", after: 1000 } : undefined;
    };
    await expect(get(`${proxy.host}/partial:1`)).rejects.toMatchObject({
      message: expect.stringContaining(first.slice(7, 19)),
    });
    expectNothing();
  });
});

describe("who may pull", () => {
  test("an anonymous token, asked for once and renewed when it ends", async () => {
    await registry.pushImage("token", ["1"], oneLayer("token"));
    proxy.bearer = { uses: 2 };
    await get(`${proxy.host}/token:1`);
    const tokens = proxy.seen.filter(({ url }) => url.startsWith("/token"));
    const scopes = "scope=repository%3Atoken%3Apull&scope=repository%3Afrom%2Fchallenge%3Apull";
    expect(tokens[0]?.url).toBe(`/token?${scopes}&service=the+service`);
    expect(tokens[0]?.headers.authorization).toBeUndefined();
    // The manifest and the configuration use up the first, the layer gets the second.
    expect(tokens).toHaveLength(2);
  });

  test("a token for a user", async () => {
    await registry.pushImage("private", ["1"], oneLayer("private"));
    proxy.bearer = { user: "u", password: "p:w" };
    await expect(get(`${proxy.host}/private:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_PULL_DENIED",
      message: `pull access denied for ${proxy.host}/private, repository does not exist or may require 'login': incorrect username or password`,
    });
    login(proxy.host, "u", "p:w");
    await get(`${proxy.host}/private:1`);
  });

  test("basic authentication", async () => {
    await registry.pushImage("basic", ["1"], oneLayer("basic"));
    proxy.basic = { user: "u", password: "p" };
    login(proxy.host, "u", "wrong");
    await expect(get(`${proxy.host}/basic:1`)).rejects.toMatchObject({ code: "ERR_TSRUN_PULL_DENIED" });
    login(proxy.host, "u", "p");
    await get(`${proxy.host}/basic:1`);
  });

  test("credentials do not follow a redirect to another host", async () => {
    const image = await registry.pushImage("redirect", ["1"], oneLayer("redirect"));
    const cdn = await startFaultyProxy(registry.url);
    try {
      proxy.basic = { user: "u", password: "p" };
      login(proxy.host, "u", "p");
      proxy.fault = ({ url }) =>
        url.includes("/blobs/")
          ? { kind: "answer", status: 307, headers: { Location: `${cdn.url}${url}` } }
          : undefined;
      await get(`${proxy.host}/redirect:1`);
      expect(cdn.seen.map(({ url }) => url)).toContain(`/v2/redirect/blobs/${image.layers[0]?.digest}`);
      expect(cdn.seen.map(({ headers }) => headers.authorization)).toEqual(cdn.seen.map(() => undefined));
    } finally {
      await cdn.stop();
    }
  });

  test("says who it is", async () => {
    await registry.pushImage("agent", ["1"], oneLayer("agent"));
    await get(`${proxy.host}/agent:1`);
    expect(proxy.seen[0]?.headers["user-agent"]).toMatch(/^tsrun\/\d+\.\d+\.\d+/);
  });
});

describe("mirrors and addresses", () => {
  test("mirrors serve Docker Hub's names, the next one where one fails", async () => {
    const image = await registry.pushImage("library/mirrored", ["latest"], oneLayer("mirrored"));
    config = { ...config, "registry-mirrors": ["http://127.0.0.1:1", proxy.url, registry.url] };
    proxy.fault = () => ({ kind: "answer", status: 404 });
    expect(await get("mirrored")).toMatchObject({ imageId: image.imageId });
    expect(resolveImage(paths, "mirrored").names).toEqual(["mirrored:latest"]);
    expect(retries().map(({ what }) => what)).toEqual([
      "manifest from mirror http://127.0.0.1:1",
      `manifest from mirror ${proxy.url}`,
    ]);
  });

  test("a layer that a mirror lacks comes from the next one", async () => {
    const image = await registry.pushImage("library/halfway", ["latest"], oneLayer("halfway"));
    config = { ...config, "registry-mirrors": [proxy.url, registry.url] };
    proxy.fault = ({ url }) =>
      url.endsWith(image.layers[0]?.digest ?? "") ? { kind: "answer", status: 404 } : undefined;
    expect(await get("halfway")).toMatchObject({ imageId: image.imageId });
  });

  test("what does not exist is not found, with the registry's word", async () => {
    await registry.pushImage("exists", ["1"], oneLayer("exists"));
    await expect(get(`${registry.host}/exists:2`)).rejects.toMatchObject({
      code: "ERR_TSRUN_MANIFEST_NOT_FOUND",
      message: `manifest for ${registry.host}/exists:2 not found: manifest unknown`,
    });
  });

  test("a registry that resets TLS connections is asked over plain HTTP at once", async () => {
    const image = await registry.pushImage("reset", ["1"], oneLayer("reset"));
    const greeting = 0x16;
    const front = createServer((socket) => {
      socket.once("data", (first) => {
        if (first[0] === greeting) return socket.resetAndDestroy();
        const upstream = connect(Number(new URL(registry.url).port), "127.0.0.1");
        upstream.write(first);
        socket.pipe(upstream).pipe(socket);
      });
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = front.address() as AddressInfo;
      expect(await get(`127.0.0.1:${port}/reset:1`)).toMatchObject({ imageId: image.imageId });
      expect(retries()).toEqual([]);
    } finally {
      front.close();
    }
  });

  test("a registry that is not there is named at once", async () => {
    await expect(get("127.0.0.1:1/x")).rejects.toMatchObject({
      code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
      message: expect.stringContaining("registry 127.0.0.1:1: "),
    });
    expect(retries()).toEqual([]);
  });
});

describe("TLS and proxies", () => {
  let tls: TlsRegistry;
  beforeEach(async () => {
    tls = await startTlsRegistry(registry.url, directory);
    const proxies = { "http-proxy": "", "https-proxy": tls.proxyUrl.replace("//", "//u:p@"), "no-proxy": "" };
    config = { ...config, proxies };
    await registry.pushImage("tls", ["1"], oneLayer("over TLS"));
  });
  afterEach(() => tls.stop());

  test("a certificate of an unknown authority is refused, with what to do", async () => {
    await expect(get(`${tls.host}/tls:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
      message: expect.stringMatching(/ self-signed certificate$/),
      hint: expect.stringContaining(`certs.d/${tls.host}/ca.crt`),
    });
  });

  test("an authority in certs.d is trusted, by way of the proxy and with its credentials", async () => {
    mkdirSync(join(config["certs-dir"], tls.host), { recursive: true });
    copyFileSync(tls.certificate, join(config["certs-dir"], tls.host, "ca.crt"));
    await get(`${tls.host}/tls:1`);
    expect(new Set(tls.tunnels)).toEqual(new Set([`${tls.host}:443`]));
    expect(tls.authorizations[0]).toBe(`Basic ${Buffer.from("u:p").toString("base64")}`);
  });

  test("an insecure registry's certificate is not looked at", async () => {
    config = { ...config, "insecure-registries": [tls.host] };
    await get(`${tls.host}/tls:1`);
  });

  test("a registry that wants a certificate of its client's gets the one in certs.d", async () => {
    const certs = join(config["certs-dir"], tls.host);
    mkdirSync(certs, { recursive: true });
    copyFileSync(tls.certificate, join(certs, "ca.crt"));
    tls.requireClient();
    await expect(get(`${tls.host}/tls:1`)).rejects.toMatchObject({ code: "ERR_TSRUN_REGISTRY_UNREACHABLE" });
    copyFileSync(tls.client.certificate, join(certs, "client.cert"));
    copyFileSync(tls.client.key, join(certs, "client.key"));
    await get(`${tls.host}/tls:1`);
    expect(tls.clients).toContain("a client");
  });

  test("hosts in NO_PROXY are reached without it", async () => {
    const proxies = { ...config.proxies, "no-proxy": `other.example,${tls.host}` };
    config = { ...config, proxies, "insecure-registries": [tls.host] };
    await expect(get(`${tls.host}/tls:1`)).rejects.toMatchObject({ code: "ERR_TSRUN_REGISTRY_UNREACHABLE" });
    expect(tls.tunnels).toEqual([]);
  });

  test("a client certificate without its key is named", async () => {
    mkdirSync(join(config["certs-dir"], tls.host), { recursive: true });
    copyFileSync(tls.certificate, join(config["certs-dir"], tls.host, "client.cert"));
    await expect(get(`${tls.host}/tls:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_CERTIFICATE_INVALID",
      message: "missing key client.key for client certificate client.cert",
    });
  });
});

describe("foreign layers", () => {
  const FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  /** An image whose one layer only `elsewhere` has. */
  async function pushForeign(name: string, layer: Buffer, urls: string[]) {
    const document = {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [diffIdOf(layer)] },
    };
    const configuration = await registry.pushBlob(name, Buffer.from(JSON.stringify(document)));
    const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
    const foreign = { mediaType: FOREIGN, digest: sha256(layer), size: layer.length, urls };
    const type = "application/vnd.docker.container.image.v1+json";
    return registry.pushManifest(name, ["1"], {
      mediaType,
      document: {
        schemaVersion: 2,
        mediaType,
        config: { mediaType: type, ...configuration },
        layers: [foreign],
      },
    });
  }

  test("are fetched from where the manifest says, in order, resumed, and without credentials", async () => {
    const [layer] = large().layers as [Buffer];
    await registry.pushBlob("vendor", layer);
    const vendor = await startFaultyProxy(registry.url);
    try {
      const path = `/v2/vendor/blobs/${sha256(layer)}`;
      const urls = ["http://127.0.0.1:1/gone", `${vendor.url}${path}`];
      await pushForeign("foreign", layer, urls);
      proxy.basic = { user: "u", password: "p" };
      login(proxy.host, "u", "p");
      vendor.fault = ({ headers }) =>
        headers.range === undefined ? { kind: "break", after: 150_000 } : undefined;
      await get(`${proxy.host}/foreign:1`, { platform: "linux/amd64" });
      expect(vendor.seen.map(({ url }) => url)).toEqual([path, path]);
      expect(vendor.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
      expect(vendor.seen[1]?.headers.range).toBe("bytes=150000-");
    } finally {
      await vendor.stop();
    }
  });

  test("that are other bytes there are refused", async () => {
    const [layer, other] = [...large().layers, ...large().layers] as [Buffer, Buffer];
    const ofThatSize = Buffer.concat([other, layer]).subarray(0, layer.length);
    const { digest } = await registry.pushBlob("vendor", ofThatSize);
    await pushForeign("evil", layer, [`${registry.url}/v2/vendor/blobs/${digest}`]);
    await expect(get(`${registry.host}/evil:1`, { platform: "linux/amd64" })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_TSRUN_(DIGEST|SIZE)_MISMATCH$/),
    });
    expectNothing();
  });

  test("that nobody has are an error that names them", async () => {
    const [layer] = large().layers as [Buffer];
    await pushForeign("nowhere", layer, ["http://127.0.0.1:1/gone"]);
    await expect(get(`${registry.host}/nowhere:1`, { platform: "linux/amd64" })).rejects.toMatchObject({
      code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
      message: expect.stringContaining("127.0.0.1:1"),
    });
  });
});

describe("what a registry may not serve", () => {
  const OCI = "application/vnd.oci.image";
  const blob = async (repository: string, document: object) =>
    registry.pushBlob(repository, Buffer.from(JSON.stringify(document)));
  const push = (repository: string, document: object) =>
    registry.pushManifest(repository, ["1"], {
      mediaType: `${OCI}.manifest.v1+json`,
      document: { schemaVersion: 2, ...document },
    });

  test("a configuration with another number of layers", async () => {
    await registry.pushImage("count", ["1"], {
      ...oneLayer("x"),
      document: { rootfs: { type: "layers", diff_ids: [] } },
    });
    await expect(get(`${registry.host}/count:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_MANIFEST_INVALID",
    });
    expectNothing();
  });

  test("a layer that unpacks to another diff id", async () => {
    const document = { rootfs: { type: "layers", diff_ids: [sha256(Buffer.from("other"))] } };
    await registry.pushImage("diff", ["1"], { ...oneLayer("x"), document });
    await expect(get(`${registry.host}/diff:1`)).rejects.toMatchObject({ code: "ERR_TSRUN_DIGEST_MISMATCH" });
    expectNothing();
  });

  test("an image of another operating system", async () => {
    await registry.pushImage("windows", ["1"], { ...oneLayer("x"), document: { os: "windows" } });
    await expect(get(`${registry.host}/windows:1`)).rejects.toThrow(
      'image operating system "windows" cannot be used',
    );
  });

  test("an image of one platform where another is asked for", async () => {
    await registry.pushImage("single", ["1"], oneLayer("x"));
    await expect(get(`${registry.host}/single:1`, { platform: "linux/arm64" })).rejects.toThrow(
      "wanted linux/arm64, actual: linux/amd64",
    );
  });

  test("an image in the format schema 1: refused, with the reason", async () => {
    const schemaOne = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    proxy.fault = ({ url }) =>
      url.includes("/manifests/")
        ? { kind: "answer", status: 200, headers: { "Content-Type": schemaOne }, body: '{"schemaVersion":1}' }
        : undefined;
    await expect(get(`${proxy.host}/old:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_MANIFEST_UNSUPPORTED",
      message: expect.stringContaining("schema 1"),
      hint: expect.stringContaining("withdrawn"),
    });
  });

  test("something that is no image", async () => {
    const config = await blob("chart", {});
    await push("chart", {
      config: { mediaType: "application/vnd.cncf.helm.config.v1+json", ...config },
      layers: [],
    });
    await expect(get(`${registry.host}/chart:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_MANIFEST_UNSUPPORTED",
    });
  });

  test("a manifest and a configuration without end", async () => {
    const endless = "x".repeat(4 * 1024 * 1024 + 1);
    proxy.fault = ({ url }) =>
      url.includes("/manifests/") ? { kind: "answer", status: 200, body: endless } : undefined;
    await expect(get(`${proxy.host}/endless:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_DOCUMENT_TOO_LARGE",
    });
    const config = await blob("huge", { endless });
    await push("huge", { config: { mediaType: `${OCI}.config.v1+json`, ...config }, layers: [] });
    await expect(get(`${registry.host}/huge:1`)).rejects.toMatchObject({
      code: "ERR_TSRUN_DOCUMENT_TOO_LARGE",
    });
  });
});

describe("the embedded image", () => {
  test("needs no registry, and stands in for no other name", async () => {
    const unreachable = {
      ...config,
      "registry-mirrors": ["http://127.0.0.1:1"],
      proxies: { ...config.proxies, "https-proxy": "http://127.0.0.1:1" },
    };
    const image = await provideImage({ paths, config: unreachable }, "tsrun/base", { pull: "never" });
    expect(image.names).toEqual(["tsrun/base:latest"]);
    expect(image.config.Cmd).toEqual(["sh"]);
    const root = layerPath(paths, image.diffIds[0] as string);
    expect(readdirSync(join(root, "bin"))).toEqual(expect.arrayContaining(["busybox", "sh", "cat", "ls"]));
    for (const other of ["tsrun/base:1", "base", "alpine"]) {
      await expect(pull({ paths, config: unreachable }, other, { policy })).rejects.toMatchObject({
        code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
      });
    }
  });
});

describe("in the store", () => {
  const noUsers = { users: () => [] };
  const name = (tag: string) => `${registry.host}/store:${tag}`;

  test("images are found by name, id and the beginning of an id, and listed newest first", async () => {
    await registry.pushImage("store", ["old"], { ...oneLayer("old"), created: "2020-01-01T00:00:00Z" });
    const next = await registry.pushImage("store", ["new"], {
      ...oneLayer("new"),
      created: "2024-01-01T00:00:00.5Z",
    });
    await get(name("old"));
    await get(name("new"));
    expect(resolveImage(paths, next.imageId).id).toBe(next.imageId);
    expect(resolveImage(paths, next.imageId.slice(7)).id).toBe(next.imageId);
    expect(resolveImage(paths, next.imageId.slice(7, 19)).names).toEqual([name("new")]);
    expect(() => resolveImage(paths, "nothing")).toThrow("No such image: nothing:latest");
    expect(listImages(paths).flatMap(({ names }) => names)).toEqual([name("new"), name("old")]);
    expect(listImages(paths, name("old")).flatMap(({ names }) => names)).toEqual([name("old")]);
    expect(listImages(paths, `${registry.host}/store`)).toHaveLength(2);
    expect(listImages(paths, `${registry.host}/st*`)).toHaveLength(2);
    expect(listImages(paths, "other")).toEqual([]);
  });

  test("a name is taken away, the image with its last one", async () => {
    const image = await registry.pushImage("store", ["a", "b"], oneLayer("two names"));
    await get(name("a"));
    await get(name("b"));
    expect(await removeImage(paths, name("a"), noUsers)).toEqual({ untagged: [name("a")], deleted: [] });
    expect(resolveImage(paths, name("b")).id).toBe(image.imageId);
    expect(await removeImage(paths, name("b"), noUsers)).toEqual({
      untagged: [name("b"), `${registry.host}/store@${image.digest}`],
      deleted: [image.imageId, image.layers[0]?.diffId],
    });
    expectNothing();
    for (const { digest } of [...image.layers, image, { digest: image.imageId }])
      expect(hasBlob(paths, digest)).toBe(false);
    await expect(removeImage(paths, name("b"), noUsers)).rejects.toMatchObject({
      code: "ERR_TSRUN_IMAGE_NOT_FOUND",
    });
  });

  test("by id: refused where several names would go, unless forced; shared layers stay", async () => {
    const [shared] = oneLayer("shared below").layers as [Buffer];
    const image = await registry.pushImage("store", ["a", "b"], {
      layers: [shared, ...oneLayer("top").layers],
    });
    await registry.pushImage("store", ["other"], { layers: [shared] });
    for (const tag of ["a", "b", "other"]) await get(name(tag));
    const id = image.imageId.slice(7, 19);
    await expect(removeImage(paths, id, noUsers)).rejects.toMatchObject({
      code: "ERR_TSRUN_IMAGE_IN_USE",
      message: `conflict: unable to delete ${id} (must be forced) - image is referenced in multiple repositories`,
    });
    const { untagged, deleted } = await removeImage(paths, id, { ...noUsers, force: true });
    expect(untagged).toHaveLength(3);
    expect(deleted).toEqual([image.imageId, image.layers[1]?.diffId]);
    expect(existsSync(layerPath(paths, image.layers[0]?.diffId as string))).toBe(true);
  });

  test("not while a container uses it", async () => {
    const image = await registry.pushImage("store", ["used"], oneLayer("used"));
    await get(name("used"));
    const layers = image.layers.map(({ diffId }) => diffId);
    const users = (running: boolean) => () => [
      { containerId: "c".repeat(64), imageId: image.imageId, running, layers },
    ];
    const id = image.imageId.slice(7, 19);
    const cases = [
      [name("used"), false, false, "(must force) - container cccccccccccc is using its referenced image"],
      [id, false, false, "(must be forced) - image is being used by stopped container cccccccccccc"],
      [id, true, true, "(cannot be forced) - image is being used by running container cccccccccccc"],
    ] as const;
    for (const [text, running, force, message] of cases) {
      await expect(removeImage(paths, text, { force, users: users(running) })).rejects.toThrow(message);
    }
    // By force the name of a running container's image goes, the image stays; of a stopped one the layers stay.
    expect(await removeImage(paths, name("used"), { force: true, users: users(true) })).toMatchObject({
      deleted: [],
    });
    expect(inspectImage(paths, id)).toMatchObject({ names: [], digests: [] });
    expect(await removeImage(paths, id, { force: true, users: users(false) })).toEqual({
      untagged: [],
      deleted: [image.imageId],
    });
    expect(existsSync(layerPath(paths, layers[0] as string))).toBe(true);
    await removeUnreferenced(paths, () => []);
    expect(existsSync(layerPath(paths, layers[0] as string))).toBe(false);
  });

  test("an image for another platform counts as missing where one is asked for", async () => {
    const members = [];
    for (const architecture of ["amd64", "arm64"])
      members.push(await registry.pushImage("store", [], { ...oneLayer(architecture), architecture }));
    await registry.pushIndex("store", ["multi"], members);
    const context = { paths, config };
    await provideImage(context, name("multi"), { platform: "linux/amd64" });
    await expect(
      provideImage(context, name("multi"), { platform: "linux/arm64", pull: "never" }),
    ).rejects.toThrow("does not match the specified platform");
    expect(await provideImage(context, name("multi"), { platform: "linux/arm64" })).toMatchObject({
      id: members[1]?.imageId,
    });
  });

  test("an image that lost a layer is pulled again", async () => {
    const image = await registry.pushImage("store", ["lost"], oneLayer("lost"));
    await get(name("lost"));
    const path = layerPath(paths, image.layers[0]?.diffId as string);
    rmSync(path, { recursive: true });
    expect((await provideImage({ paths, config }, name("lost"))).id).toBe(image.imageId);
    expect(existsSync(path)).toBe(true);
  });
});

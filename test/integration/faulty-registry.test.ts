/**
 * Two hundred pulls from a registry that does everything wrong, at random but from a seed: every one ends with the
 * right image or with an error that has a name, and nothing that was damaged on its way can be seen in the store.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import { TsrunError } from "../../src/errors.ts";
import { pull } from "../../src/image/pull.ts";
import { DEFAULT_POLICY } from "../../src/image/retry.ts";
import { readImages } from "../../src/store/images.ts";
import { layerPath } from "../../src/store/layers.ts";
import type { Paths } from "../../src/store/paths.ts";
import { type Fault, type FaultyProxy, type SeenRequest, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ImageSpec, type Pushed, startRegistry, type TestRegistry } from "../support/registry.ts";
import { gzipLayer, tarLayer, zstdLayer } from "../support/tar-layer.ts";

const PULLS = 200;
const AT_ONCE = 6;
const SEED = Number(process.env.TSRUN_FAULT_SEED ?? 20_240_517);
/** A pull that meets more faults in a row than it has attempts may fail; so few attempts make that happen. */
const policy = {
  ...DEFAULT_POLICY,
  attempts: 4,
  baseDelayMs: 2,
  maxDelayMs: 10,
  maxRetryAfterMs: 50,
  stallMs: 500,
};
/** For pulls that are only cut, which is to be told apart from a machine that is busy. */
const PATIENT = { ...policy, stallMs: 20_000 };
const CUT_EVERY = 5;
const ACCOUNT = { user: "u", password: "p" };

/** What a pull may fail with here: each says what the registry did. */
const NAMED = new Set([
  "ERR_TSRUN_AUTH_INVALID",
  "ERR_TSRUN_DIGEST_MISMATCH",
  "ERR_TSRUN_DOCUMENT_TOO_LARGE",
  "ERR_TSRUN_LAYER_CORRUPT",
  "ERR_TSRUN_MANIFEST_INVALID",
  "ERR_TSRUN_MANIFEST_NOT_FOUND",
  "ERR_TSRUN_PULL_DENIED",
  "ERR_TSRUN_RATE_LIMITED",
  "ERR_TSRUN_REGISTRY_FAILED",
  "ERR_TSRUN_REGISTRY_UNREACHABLE",
  "ERR_TSRUN_SIZE_MISMATCH",
]);

interface Sample extends Pushed {
  /** By path in the layer, of each layer. */
  files: { path: string; sha256: string }[];
}

let registry: TestRegistry;
let samples: Sample[];
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-faults-"));
  registry = await startRegistry();
  const random = mulberry32(SEED);
  samples = [];
  for (let i = 0; i < 4; i++) samples.push(await pushSample(`sample-${i}`, random));
});
afterAll(async () => {
  await registry.stop();
  rmSync(directory, { recursive: true });
});

test(`${PULLS} pulls, seed ${SEED}`, { timeout: 240_000 }, async () => {
  const numbers = Array.from({ length: PULLS }, (_, i) => i);
  const outcomes = new Map<string, number>();
  const kinds = new Map<string, number>();
  const resumed = { continued: 0, broken: 0 };
  const work = async (): Promise<void> => {
    for (let i = numbers.shift(); i !== undefined; i = numbers.shift()) {
      const run = await onePull(i);
      outcomes.set(run.outcome, (outcomes.get(run.outcome) ?? 0) + 1);
      for (const kind of run.faults) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      resumed.broken += run.broken;
      resumed.continued += run.continued;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  // It was the bad day that it was meant to be, and most pulls came through it.
  expect([...kinds.keys()].sort()).toEqual([
    "answer",
    "break",
    "corrupt",
    "endless",
    "ignoreRange",
    "lie",
    "redirect",
    "stall",
  ]);
  expect(outcomes.get("pulled")).toBeGreaterThan(PULLS / 4);
  expect(PULLS - (outcomes.get("pulled") ?? 0)).toBeGreaterThan(PULLS / 20);
  expect(resumed.broken).toBeGreaterThan(PULLS / 4);
  expect(resumed.continued).toBe(resumed.broken);
});

async function onePull(i: number) {
  const random = mulberry32(SEED + 1 + i);
  const name = i % samples.length;
  const sample = samples[name] as Sample;
  const home = join(directory, `pull-${i}`);
  const paths = { root: join(home, "root"), run: join(home, "run") };
  const cdn = await startFaultyProxy(registry.url);
  const proxy = await startFaultyProxy(registry.url);
  try {
    const isCutOnly = i % CUT_EVERY === 0;
    const day = isCutOnly ? cutDay(random) : badDay(random, cdn);
    proxy.fault = day.fault;
    cdn.fault = day.cdnFault;
    const who = pick(random, ["anyone", "basic", "bearer", "token"] as const);
    if (who === "basic") proxy.basic = ACCOUNT;
    if (who === "bearer") proxy.bearer = { ...ACCOUNT, uses: 5 + Math.floor(random() * 6) };
    if (who === "token") proxy.bearer = { uses: 5 + Math.floor(random() * 6) };
    const config = configOf(home, proxy.host);

    let outcome = "pulled";
    try {
      const image = await pull({ paths, config }, `${proxy.host}/sample-${name}:1`, {
        policy: isCutOnly ? PATIENT : policy,
      });
      expect(image, `pull ${i}`).toMatchObject({ digest: sample.digest, imageId: sample.imageId });
      expectWhole(paths, sample);
    } catch (error) {
      if (!(error instanceof TsrunError) || isCutOnly) throw new Error(`pull ${i}`, { cause: error });
      outcome = error.code;
      expect(NAMED, `pull ${i}: ${error.message}`).toContain(error.code);
      expect(readImages(paths), `pull ${i}`).toMatchObject({ names: {}, known: {} });
    }
    expectNothingCorrupt(paths);
    expect(cdn.seen.map(({ headers }) => headers.authorization ?? headers.cookie).filter(Boolean)).toEqual(
      [],
    );
    return { outcome, faults: day.faults, ...resumptions(proxy, day.cuts) };
  } finally {
    await Promise.all([proxy.stop(), cdn.stop()]);
    rmSync(home, { recursive: true, force: true });
  }
}

interface Cut {
  request: SeenRequest;
  after: number;
}

interface Day {
  /** What went wrong, by kind. */
  faults: string[];
  /** Those of which is known that nothing else has come between. */
  cuts: Cut[];
  fault(request: SeenRequest): Fault | undefined;
  cdnFault(request: SeenRequest): Fault | undefined;
}

/** Connections for layers are cut, most of them, and nothing else is wrong. */
function cutDay(random: () => number): Day {
  const day: Day = {
    faults: [],
    cuts: [],
    fault(request) {
      if (!isLayer(request) || random() > 0.7) return undefined;
      const after = 1000 + Math.floor(random() * 60_000);
      day.faults.push("break");
      day.cuts.push({ request, after });
      return { kind: "break", after };
    },
    cdnFault: () => undefined,
  };
  return day;
}

/** What goes wrong in one pull: how often is as random as what. */
function badDay(random: () => number, cdn: FaultyProxy): Day {
  const rate = random() * 0.6;
  const faults: string[] = [];
  const record = (kind: string, fault: Fault): Fault => {
    faults.push(kind);
    return fault;
  };
  const body = (request: SeenRequest): Fault => {
    const size = request.url.includes("/blobs/") ? 120_000 : 600;
    const at = Math.floor(random() * size);
    switch (
      pick(random, [
        "break",
        "break",
        "break",
        "break",
        "stall",
        "corrupt",
        "lie",
        "endless",
        "ignoreRange",
      ] as const)
    ) {
      case "break":
        return record("break", { kind: "break", after: at });
      case "stall":
        return record("stall", { kind: "stall", after: at });
      case "corrupt":
        return record("corrupt", { kind: "corrupt", at });
      case "lie":
        return record("lie", { kind: "lie", by: pick(random, [-1, 1, -100, 100, 1_000_000]) });
      case "endless":
        return record("endless", { kind: "endless" });
      case "ignoreRange":
        return record("ignoreRange", { kind: "ignoreRange" });
    }
  };
  const answer = (): Fault =>
    record("answer", {
      kind: "answer",
      ...pick(random, [
        { status: 500 },
        { status: 503, body: "<html>busy</html>" },
        { status: 502, headers: { "Retry-After": "0" } },
        { status: 429, headers: { "Retry-After": "0", "RateLimit-Limit": "100;w=21600" } },
        { status: 429, headers: { "Retry-After": "3600", "RateLimit-Remaining": "0;w=21600" } },
        { status: 404 },
      ]),
    });
  return {
    faults,
    cuts: [],
    fault(request: SeenRequest): Fault | undefined {
      // Most blobs of a large registry come from elsewhere.
      if (request.url.includes("/blobs/") && random() < 0.3) {
        const Location = `${cdn.url}${request.url}`;
        return record("redirect", {
          kind: "answer",
          status: pick(random, [302, 307]),
          headers: { Location },
        });
      }
      if (random() >= rate) return undefined;
      return random() < 0.25 ? answer() : body(request);
    },
    cdnFault: (request: SeenRequest) => (random() < rate / 2 ? body(request) : undefined),
  };
}

/** Cuts that came before a layer's end, and how many of the next requests for it began where they had come. */
function resumptions(proxy: FaultyProxy, cuts: readonly Cut[]): { broken: number; continued: number } {
  let [broken, continued] = [0, 0];
  for (const { request, after } of cuts) {
    const all = proxy.seen.filter(({ url }) => url === request.url);
    const next = all[all.indexOf(request) + 1];
    if (next === undefined) continue;
    broken++;
    if (startOf(next) === startOf(request) + after) continued++;
  }
  return { broken, continued };
}

const startOf = ({ headers }: SeenRequest): number =>
  Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
const isLayer = ({ url }: SeenRequest): boolean =>
  samples.some(({ layers }) => layers.some(({ digest, size }) => url.endsWith(digest) && size > 50_000));

/** The image's files are those that were pushed. */
function expectWhole(paths: Paths, { layers, files }: Sample): void {
  for (const [i, { diffId }] of layers.entries()) {
    const { path, sha256 } = files[i] as Sample["files"][number];
    expect(hexDigest(readFileSync(join(layerPath(paths, diffId), path)))).toBe(sha256);
  }
}

/** Whatever has a digest for its name has that digest; whatever is a layer has the files that it was pushed with. */
function expectNothingCorrupt(paths: Paths): void {
  const blobs = join(paths.root, "blobs", "sha256");
  for (const name of existsSync(blobs) ? readdirSync(blobs) : []) {
    expect(name).toMatch(/^[0-9a-f]{64}(\.pending)?$/);
    expect(hexDigest(readFileSync(join(blobs, name)))).toBe(name.slice(0, 64));
  }
  const layers = join(paths.root, "layers");
  const known = new Map(
    samples.flatMap((sample) =>
      sample.layers.map(({ diffId }, i) => [layerPath(paths, diffId), sample.files[i]]),
    ),
  );
  for (const name of existsSync(layers) ? readdirSync(layers) : []) {
    if (name.endsWith(".json")) continue;
    const file = known.get(join(layers, name));
    expect(hexDigest(readFileSync(join(layers, name, file?.path ?? "")))).toBe(file?.sha256);
  }
  const tmp = join(paths.root, "tmp");
  expect(existsSync(tmp) ? readdirSync(tmp) : []).toEqual([]);
}

/** Three layers of bytes that do not compress: the last is large enough for a thread of its own. */
async function pushSample(repository: string, random: () => number): Promise<Sample> {
  const sizes = [2_000, 100_000, 150_000];
  const contents = sizes.map((size) =>
    Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256))),
  );
  const make = [tarLayer, gzipLayer, zstdLayer];
  const files = contents.map((data, i) => ({ path: `file-${i}`, sha256: hexDigest(data) }));
  const image: ImageSpec = {
    layers: contents.map((data, i) => (make[i] as typeof tarLayer)([{ path: `file-${i}`, data }])),
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
  };
  return { ...(await registry.pushImage(repository, ["1"], image)), files };
}

function configOf(home: string, host: string): Config {
  mkdirSync(join(home, ".docker"), { recursive: true });
  const auth = Buffer.from(`${ACCOUNT.user}:${ACCOUNT.password}`).toString("base64");
  writeFileSync(join(home, ".docker", "config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
  return loadConfig({ HOME: home, TSRUN_CONFIG: "" });
}

const hexDigest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const pick = <T>(random: () => number, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T;

/** A generator of numbers in [0, 1) that a seed determines. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

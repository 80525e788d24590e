/** An Engine with data and runtime state of its own for a test file, and a look for leaks at the file's end. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { type ContainerOptions, Engine, type Paths, type ProcessHandle } from "../../src/index.ts";
import { ownLeaksSince, type Snapshot, snapshot } from "./leaks.ts";
import { assertTestHost } from "./test-host.ts";

export const IMAGE = "tsrun/base";

export interface EngineHost {
  engine: Engine;
  paths: Paths;
  /** For the test's own files; removed at the end. */
  directory: string;
  /** Runs a script of the image's shell, without a network unless the options say otherwise. */
  sh(script: string, options?: Partial<ContainerOptions>): Promise<ProcessHandle>;
}

/** Registers the hooks of a test file: tsrun/base is there, and containers are removed after each test. */
export function useEngine(): EngineHost {
  assertTestHost();
  const directory = mkdtempSync(join(tmpdir(), "tsrun-engine-"));
  const paths = { root: join(directory, "root"), run: join(directory, "run") };
  const engine = new Engine({ paths, config: loadConfig({}) });
  let before: Snapshot;

  beforeAll(async () => {
    before = snapshot(paths);
    await engine.images.pull(IMAGE);
  });
  afterEach(() => removeAll(engine));
  afterAll(async () => {
    const leaks = await ownLeaksSince(before, paths);
    rmSync(directory, { recursive: true });
    expect(leaks).toEqual([]);
  });

  return {
    engine,
    paths,
    directory,
    sh: (script, options = {}) =>
      engine.run({ image: IMAGE, network: "none", command: ["sh", "-c", script], ...options }),
  };
}

export async function removeAll(engine: Engine): Promise<void> {
  for (const { record } of await engine.list()) await engine.remove(record.id, { force: true });
}

export async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export const textOf = async (stream: Readable): Promise<string> => (await bytesOf(stream)).toString();

export async function sha256Of(stream: Readable): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Waits for the stream to have said this; the rest stays with the caller's next reader. */
export async function said(stream: Readable, pattern: RegExp): Promise<string> {
  let text = "";
  while (!pattern.test(text)) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) text += chunk;
    else if (stream.readableEnded || stream.destroyed) throw new Error(`ended without ${pattern}: ${text}`);
    else await sleep(2);
  }
  return text;
}

/** Waits until `look` is true; fails the test after `timeout` milliseconds. */
export async function until(look: () => boolean | Promise<boolean>, timeout = 10_000): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${look}`);
    await sleep(10);
  }
}

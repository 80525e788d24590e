/** Many bring images in while others remove what is not used: whoever was promised something has it. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LayerEntry } from "../support/tar-layer.ts";
import { gzipLayer } from "../support/tar-layer.ts";
import { randomNumbers, SEED } from "./support/crash.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const IMAGES = 20;
/** Layers that several images have: each is brought, and wanted, by some at any moment. */
const SHARED = 4;
const host = useHost({ pull: [] });
const { output, tsrun } = host;

const files = (name: string): LayerEntry[] =>
  Array.from({ length: 50 }, (_, i) => ({ path: `data/${name}/${i}`, data: `${name} ${i}\n` }));

beforeAll(async () => {
  const base = busyboxImage();
  const shared = Array.from({ length: SHARED }, (_, i) => gzipLayer(files(`shared${i}`)));
  for (let i = 0; i < IMAGES; i++) {
    const layers = [...base.layers, shared[i % SHARED] as Buffer, gzipLayer(files(`own${i}`))];
    await host.registry().pushImage(`library/image${i}`, ["latest"], { ...base, layers });
  }
});

afterAll(async () => {
  await tsrun("rm", "-f", ...host.containers());
});

test(`${IMAGES} pulls of overlapping images while prune runs in a loop`, async () => {
  const random = randomNumbers(SEED);
  let over = false;
  const prunes: string[] = [];
  const pruneLoop = async (...command: string[]): Promise<void> => {
    while (!over) {
      const { code, stdout, stderr } = await tsrun(...command, "-a", "-f");
      expect({ code, stderr: stderr.replace(/^WARNING: another command .*\n/, "") }).toEqual({
        code: 0,
        stderr: "",
      });
      prunes.push(stdout);
    }
  };
  const user = async (i: number): Promise<void> => {
    await sleep(random() * 3000);
    const pulled = await tsrun("pull", "-q", `image${i}`);
    expect(pulled, `pull of image${i}`).toMatchObject({ code: 0, stderr: "" });
    await sleep(random() * 500);
    // Whatever prune has taken meanwhile is pulled again.
    const ran = await tsrun(
      "run",
      "-q",
      "-d",
      "--network",
      "none",
      "--name",
      `user${i}`,
      `image${i}`,
      "sleep",
      "1000",
    );
    expect(ran, `run of image${i}`).toMatchObject({ code: 0, stderr: "" });
  };
  const loops = [pruneLoop("image", "prune"), pruneLoop("image", "prune")];
  try {
    await Promise.all(Array.from({ length: IMAGES }, (_, i) => user(i)));
  } finally {
    over = true;
    await Promise.all(loops);
  }

  expect(prunes.length).toBeGreaterThan(1);
  expect(
    prunes.some((text) => text.includes("deleted: sha256:")),
    prunes.join(""),
  ).toBe(true);
  const said = await Promise.all(
    Array.from({ length: IMAGES }, (_, i) =>
      output("exec", `user${i}`, "cat", `/data/own${i}/49`, `/data/shared${i % SHARED}/49`),
    ),
  );
  expect(said).toEqual(said.map((_, i) => `own${i} 49\nshared${i % SHARED} 49`));
  // A prune that found no moment to collect in has left that to the next.
  await output("image", "prune", "-f");
  const { findings, leftovers } = JSON.parse(await output("system", "check", "--format", "json"));
  expect({ findings, leftovers }).toEqual({ findings: [], leftovers: [] });
});

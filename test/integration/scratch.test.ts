/** Scratch directories while others sweep: whoever has got one keeps it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { openScratch } from "../../src/store/scratch.ts";

const SOURCE = new URL("../../src/store/scratch.ts", import.meta.url).href;

/** Sweeps without a pause, in a thread. */
function sweeper(root: string): Worker {
  const code = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(SOURCE)}).then(({ sweepScratch }) => {
      parentPort.postMessage("ready");
      const paths = { root: ${JSON.stringify(root)}, run: "/nonexistent" };
      for (;;) sweepScratch(paths);
    });`;
  return new Worker(code, { eval: true, execArgv: [] });
}

test("a directory that was just made is not swept", async () => {
  const root = mkdtempSync(join(tmpdir(), "scratch-"));
  const sweepers = [sweeper(root), sweeper(root)];
  try {
    await Promise.all(sweepers.map((each) => new Promise((resolve) => each.once("message", resolve))));
    for (let round = 0; round < 600; round++) {
      using scratch = openScratch({ root, run: join(root, "run") });
      writeFileSync(join(scratch.path, "work"), "");
      expect(existsSync(join(scratch.path, "work"))).toBe(true);
    }
  } finally {
    await Promise.all(sweepers.map((each) => each.terminate()));
    rmSync(root, { recursive: true });
  }
});

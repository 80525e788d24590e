/**
 * The library's latency: milliseconds from `engine.run()` to the first instruction of the container's process, which
 * is a static program that reads the clock of process.hrtime() and prints it.
 *
 *     node test/bench/library.ts ROOT RUN IMAGE ROUNDS     prints a JSON array, the process's first start first
 */

import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const [root, run, image, rounds] = process.argv.slice(2) as [string, string, string, string];
// As a program that embeds tsrun gets it: the built package.
const library = pathToFileURL(join(import.meta.dirname, "../../dist/index.js")).href;
const { Engine } = await import(library);
const engine = new Engine({ paths: { root, run } });

const latencies: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const begin = process.hrtime.bigint();
  const handle = await engine.run(
    { image, command: ["/bin/stamp"], network: "none", autoRemove: true },
    { attach: { stdin: false, stdout: true, stderr: false } },
  );
  const output = await text(handle.stdout);
  const { exitCode } = await handle.exited;
  if (exitCode !== 0) throw new Error(`/bin/stamp: exit code ${exitCode}`);
  latencies.push(Number(BigInt(output.trim()) - begin) / 1e6);
}
console.log(JSON.stringify(latencies));

/** kill -9 at random instants of a build: nothing is wrong afterwards, nothing is left, and what the cache says is true. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { killNow, processesOf, randomNumbers, remains, SEED } from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const ROUNDS = 9;
const host = useHost({ pull: [] });
const { output, tsrun } = host;

/** `number` makes its steps others than those of the builds before. */
function write(number: number): string {
  const context = join(host.directory, "context");
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, "data"), `${number}\n`.repeat(200_000));
  writeFileSync(
    join(context, "Dockerfile"),
    `FROM tsrun/base AS one
COPY data /data
RUN head -c 3000000 /dev/urandom > /random; sha256sum /random > /sum
RUN --network=none sleep 0.2; echo ${number} > /number
FROM tsrun/base
WORKDIR /made/here
COPY --from=one /random /sum /number /
RUN sha256sum -c /sum && head -n 1 /data 2> /dev/null; cat /number > /made/here/number
`,
  );
  return context;
}

test(`${ROUNDS} random instants of a build`, { timeout: 240_000 }, async () => {
  const started = performance.now();
  await output("build", "-q", "-t", "built", write(0));
  const duration = performance.now() - started;
  const random = randomNumbers(SEED);
  let killed = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const context = write(round);
    const instant = random() * duration;
    const victim = host.start({}, "build", "-q", "-t", "built", context);
    await Promise.race([sleep(instant), victim.result]);
    killed += victim.child.exitCode === null ? 1 : 0;
    killNow(victim.child.pid);
    await victim.result;
    const what = `seed ${SEED}, round ${round}: killed after ${instant.toFixed(1)} ms`;
    // What a step runs ends with its build.
    await expect
      .poll(() => processesOf(host, /tsrun-monitor/), { timeout: 10_000, message: what })
      .toEqual([]);
    const { findings } = JSON.parse(await output("system", "check", "--format", "json"));
    expect(findings, what).toEqual([]);
    if (round % 3 !== 0) continue;
    // Steps of the killed build that the cache knows have done what they should.
    await output("build", "-q", "-t", "built", context);
    expect(
      await output(
        "run",
        "--rm",
        "--network",
        "none",
        "built",
        "sh",
        "-c",
        "sha256sum -cs /sum && cat number",
      ),
      what,
    ).toBe(String(round));
  }
  expect(killed).toBeGreaterThan(ROUNDS / 3);
  await output("ps");
  expect((await tsrun("builder", "prune", "-a", "-f")).code).toBe(0);
  const { findings, leftovers } = JSON.parse(await output("system", "check", "--format", "json"));
  expect({ findings, leftovers }).toEqual({ findings: [], leftovers: [] });
  expect(await remains(host)).toEqual([]);
});

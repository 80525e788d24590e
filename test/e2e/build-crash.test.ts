/**
 * kill -9 in each phase of a build, and at random instants: nothing is wrong afterwards, nothing is left, and what the cache
 * says is true. So are two builds at once.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { killNow, processesOf, randomNumbers, remains, SEED } from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const ROUNDS = 3;
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
RUN --network=none --mount=type=cache,target=/cache echo working; sleep 0.2; echo ${number} > /number
FROM tsrun/base
WORKDIR /made/here
COPY --from=one /random /sum /number /
RUN sha256sum -c /sum && head -n 1 /data 2> /dev/null; cat /number > /made/here/number
`,
  );
  return context;
}

/** What runs ends with its build, and what it has left is no fault of the store. */
async function expectSound(what: string): Promise<void> {
  await expect.poll(() => processesOf(host, /tsrun-monitor/), { timeout: 10_000, message: what }).toEqual([]);
  const { findings } = JSON.parse(await output("system", "check", "--format", "json"));
  expect(findings, what).toEqual([]);
}

/** Steps of the killed builds that the cache knows have done what they should. */
async function expectTruth(context: string, number: number, what: string): Promise<void> {
  await output("build", "-q", "-t", "built", context);
  const look = ["sh", "-c", "sha256sum -cs /sum && cat number"];
  expect(await output("run", "--rm", "--network", "none", "built", ...look), what).toBe(String(number));
}

async function expectNothingLeft(): Promise<void> {
  await output("ps");
  expect((await tsrun("builder", "prune", "-a", "-f")).code).toBe(0);
  const { findings, leftovers } = JSON.parse(await output("system", "check", "--format", "json"));
  expect({ findings, leftovers }).toEqual({ findings: [], leftovers: [] });
  expect(await remains(host)).toEqual([]);
}

/** What the build says last before it is killed. */
const PHASES = {
  "the context is read": /load build definition/,
  "a COPY begins": /\[one 2\/4\] COPY/,
  "a RUN begins, and the layer before it is packed": /\[one 3\/4\] RUN/,
  "a RUN is at work": /working/,
  "files of another stage are copied": /COPY --from=one/,
  "the last RUN begins": /RUN sha256sum -c/,
  "the image is written": /exporting to image/,
  "all is done": /naming to/,
};

test("each phase of a build", { timeout: 120_000 }, async () => {
  for (const [at, [phase, said]] of Object.entries(PHASES).entries()) {
    const context = write(100 + at);
    const victim = host.start({}, "build", "-t", "built", context);
    await victim.until(said);
    killNow(victim.child.pid);
    await victim.result;
    await expectSound(`killed when ${phase}`);
  }
  await expectTruth(write(105), 105, "of the phases");
  // A context that is still being sent.
  const sent = host.start({ silentInput: true }, "build", "-t", "built", "-");
  await sent.until(/load build context from standard input/);
  killNow(sent.child.pid);
  await sent.result;
  await expectSound("killed while the context is sent");
  await expectNothingLeft();
});

test("two builds of one context at once", async () => {
  const context = write(200);
  await Promise.all(["one", "two"].map((name) => output("build", "-q", "-t", name, context)));
  for (const name of ["one", "two"])
    expect(await output("run", "--rm", "--network", "none", name, "cat", "/number")).toBe("200");
  // Whichever was first: the third finds all that they have done.
  const { stderr } = await tsrun("build", "-t", "three", context);
  expect(stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(8);
  await expectSound("two at once");
});

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
    await expectSound(what);
    if (round === ROUNDS) await expectTruth(context, round, what);
  }
  expect(killed).toBeGreaterThan(0);
  await expectNothingLeft();
});

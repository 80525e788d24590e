/** Health checks through the engine: what starts, pauses and ends of a container mean for them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { healthPath } from "../../src/engine/health.ts";
import type { ContainerHealth, ContainerOptions, HealthCheck } from "../../src/engine/types.ts";
import { detectCgroupDriver } from "../../src/runtime/cgroup/detect.ts";
import { IMAGE, until, useEngine } from "../support/engine.ts";

const { engine, paths, directory } = useEngine();

const MS = 1_000_000;
const probe = (line: string, more: HealthCheck = {}): Partial<ContainerOptions> => ({
  network: "none",
  command: ["sleep", "1000"],
  healthCheck: { test: ["CMD-SHELL", line], interval: 50 * MS, ...more },
});
const healthOf = async (id: string): Promise<ContainerHealth | undefined> =>
  (await engine.inspect(id)).state.health;

test("a restart begins anew", async () => {
  const { id } = await engine.create({ image: IMAGE, ...probe("false", { retries: 1 }) });
  expect(await healthOf(id)).toBeUndefined();
  const first = await engine.start(id);
  await until(async () => (await healthOf(id))?.status === "unhealthy");
  await engine.kill(id);
  await first.exited;
  expect((await healthOf(id))?.log).not.toEqual([]);
  const old = { status: "healthy", failingStreak: 1000, log: [{}] };
  writeFileSync(healthPath(paths, id), JSON.stringify(old));
  await engine.start(id);
  expect((await healthOf(id))?.failingStreak).toBeLessThan(old.failingStreak);
  expect((await healthOf(id))?.log).not.toContainEqual({});
});

test("a paused container is not probed", async () => {
  const file = join(directory, "probes");
  writeFileSync(file, "");
  const { containerId } = await engine.run({
    image: IMAGE,
    ...probe("echo >> /probes"),
    mounts: [{ type: "bind", source: file, target: "/probes", readOnly: false, sourceMustExist: true }],
  });
  const probes = (): number => readFileSync(file, "utf8").length;
  await until(async () => (await healthOf(containerId))?.status === "healthy");
  const { record } = await engine.inspect(containerId);
  const cgroup = detectCgroupDriver().open(record.cgroupPath);
  await cgroup.freeze();
  try {
    const before = probes();
    await sleep(300);
    expect(probes()).toBe(before);
    expect((await healthOf(containerId))?.status).toBe("healthy");
  } finally {
    await cgroup.thaw();
  }
  const after = probes();
  await until(async () => probes() > after);
});

test("a probe that is frozen takes no time", async () => {
  const file = join(directory, "begun");
  writeFileSync(file, "");
  const begun = (): number => readFileSync(file, "utf8").length;
  const { containerId } = await engine.run({
    image: IMAGE,
    ...probe("echo >> /begun; sleep 0.3", { timeout: 1500 * MS, retries: 1 }),
    mounts: [{ type: "bind", source: file, target: "/begun", readOnly: false, sourceMustExist: true }],
  });
  const cgroup = detectCgroupDriver().open((await engine.inspect(containerId)).record.cgroupPath);
  await until(async () => (await healthOf(containerId))?.status === "healthy");
  const before = begun();
  await until(() => begun() > before);
  await cgroup.freeze();
  const frozen = begun();
  await sleep(2000);
  await cgroup.thaw();
  // The second after it: by then the one that was frozen is in the log, which holds five.
  await until(() => begun() >= frozen + 2);
  const health = await healthOf(containerId);
  expect(health?.status).toBe("healthy");
  expect(health?.log.map(({ exitCode }) => exitCode)).toEqual(health?.log.map(() => 0));
});

test("a container that ends under its probe ends as it would without, and nothing of the probe is counted", async () => {
  const { containerId, exited } = await engine.run({
    image: IMAGE,
    ...probe("sleep 1000", { retries: 1 }),
    command: ["sh", "-c", "sleep 0.5; exit 7"],
  });
  const began = performance.now();
  expect((await exited).exitCode).toBe(7);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(JSON.parse(readFileSync(healthPath(paths, containerId), "utf8"))).toEqual({
    status: "starting",
    failingStreak: 0,
    log: [],
  });
});

test("the health goes with its container", async () => {
  const { containerId } = await engine.run({ image: IMAGE, ...probe("true") });
  await until(async () => (await healthOf(containerId))?.status === "healthy");
  await engine.remove(containerId, { force: true });
  expect(existsSync(healthPath(paths, containerId))).toBe(false);
});

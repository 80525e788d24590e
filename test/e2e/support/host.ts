/** What every file of these tests begins with: a tsrun of its own, a stocked registry, and a look for leaks at the end. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { type Cli, createCli } from "../../support/cli.ts";
import { leaksSince, type Snapshot, snapshot } from "../../support/leaks.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";
import { assertTestHost } from "../../support/test-host.ts";
import { stock } from "./images.ts";

export interface Host extends Cli {
  /** Serves docker.io's names too; there once the tests run. */
  registry(): TestRegistry;
}

/**
 * Registers the hooks of a test file. `pull` names the images that are to be there before the first test.
 */
export function useHost({ pull = ["busybox"] }: { pull?: string[] } = {}): Host {
  const cli = createCli();
  let registry: TestRegistry | undefined;
  let before: Snapshot;

  beforeAll(async () => {
    assertTestHost();
    before = snapshot(cli);
    registry = await startRegistry();
    cli.configure({ "registry-mirrors": [registry.url] });
    await stock(registry);
    for (const image of pull) await cli.output("pull", "-q", image);
  });

  afterAll(async () => {
    const containers = cli.containers();
    if (containers.length > 0) await cli.tsrun("rm", "-f", ...containers);
    const left = { containers: cli.containers(), leaks: await leaks(before, cli) };
    await registry?.stop();
    cli.close();
    expect(left).toEqual({ containers: [], leaks: [] });
  });

  return {
    ...cli,
    registry() {
      if (registry === undefined) throw new Error("the registry starts in beforeAll");
      return registry;
    },
  };
}

/** How long a control group of somebody else's container may stay empty while it is made or removed. */
const FOREIGN_MILLISECONDS = 1_000;

/**
 * Control groups belong to the machine: those with processes in them are counted by the processes, and of the others
 * those that stay.
 */
async function leaks(before: Snapshot, cli: Cli): Promise<string[]> {
  const idle = (leak: string): boolean =>
    !leak.startsWith("cgroup ") || isEmptyCgroup(leak.slice("cgroup ".length));
  const found = (await leaksSince(before, cli)).filter(idle);
  if (found.length === 0) return [];
  await sleep(FOREIGN_MILLISECONDS);
  return found.filter(idle);
}

/** Whether the group is there and nothing runs in it. */
function isEmptyCgroup(path: string): boolean {
  try {
    return readFileSync(join(path, "cgroup.procs"), "utf8") === "";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

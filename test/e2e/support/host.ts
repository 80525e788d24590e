/** What every file of these tests begins with: a tsrun of its own, a stocked registry, and a look for leaks at the end. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
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

/** Control groups with processes in them that are not this instance's belong to somebody else on the machine. */
async function leaks(before: Snapshot, cli: Cli): Promise<string[]> {
  const found = await leaksSince(before, cli);
  return found.filter((leak) => !leak.startsWith("cgroup ") || isEmptyCgroup(leak.slice("cgroup ".length)));
}

/** Whether the group is still there and empty; a busy one of this instance shows up by its processes. */
function isEmptyCgroup(path: string): boolean {
  try {
    return readFileSync(join(path, "cgroup.procs"), "utf8") === "";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

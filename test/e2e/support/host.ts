/** What every file of these tests begins with: a tsrun of its own, a stocked registry, and a look for leaks at the end. */
import { afterAll, beforeAll, expect } from "vitest";
import { type Cli, planCli } from "../../support/cli.ts";
import { removeDefaultNetwork } from "../../support/default-network.ts";
import { ownLeaksSince, type Snapshot, snapshot } from "../../support/leaks.ts";
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
  const cli = planCli();
  let registry: TestRegistry | undefined;
  let before: Snapshot;

  beforeAll(async () => {
    assertTestHost();
    cli.make();
    before = snapshot(cli);
    registry = await startRegistry();
    cli.configure({ "registry-mirrors": [registry.url] });
    await stock(registry);
    for (const image of pull) await cli.output("pull", "-q", image);
  });

  afterAll(async () => {
    const containers = cli.containers();
    if (containers.length > 0) await cli.tsrun("rm", "-f", ...containers);
    const left = { containers: cli.containers(), leaks: await ownLeaksSince(before, cli) };
    await removeDefaultNetwork(cli);
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

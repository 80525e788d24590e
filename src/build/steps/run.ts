/** RUN. */
import { formatPlatform } from "../../image/platform.ts";
import { cacheKey } from "../cache/key.ts";
import type { RunStep } from "../graph/types.ts";
import type { Snapshot } from "../layers.ts";
import { describeMounts } from "../run/describe-mounts.ts";
import type { Prepared, Workshop } from "./types.ts";

export async function prepareRun(workshop: Workshop, step: RunStep, below: Snapshot): Promise<Prepared> {
  const { session } = workshop;
  const { args, env, cwd, user, network, privileged, script } = step;
  const { addHosts = [], shmSize, ulimits = [], sourceDateEpoch, network: chosen } = session.options;
  const mounts = await describeMounts(workshop, step);
  const key = cacheKey({
    kind: "run",
    parent: below.id,
    platform: formatPlatform(step.platform),
    ...{ args, env, cwd, user, network, privileged, script, mounts },
    ...{ addHosts, shmSize, ulimits, chosen, epoch: sourceDateEpoch ?? null },
  });
  return {
    key,
    async execute() {
      const { executeRun } = await import("./execute-run.ts");
      return session.slots.take(() => executeRun(workshop, step, below));
    },
    [Symbol.dispose]() {},
  };
}

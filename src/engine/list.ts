/** ps and inspect: containers as they are now. */
import { sweep } from "./cleanup.ts";
import { withNetworks } from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { withHealth } from "./health.ts";
import { withLinkNames } from "./links.ts";
import { observedState } from "./pause.ts";
import { withPorts } from "./published-ports.ts";
import { containerIds, readRecord, resolveContainer } from "./records.ts";
import type { ContainerRecord, ContainerSummary } from "./types.ts";

/** Newest first. */
export async function listContainers(context: EngineContext): Promise<ContainerSummary[]> {
  await sweep(context);
  return containerIds(context.paths)
    .flatMap((id) => readRecord(context.paths, id) ?? [])
    .map((record) => summary(context, record))
    .sort((a, b) => (a.record.createdAt < b.record.createdAt ? 1 : -1));
}

/** Throws ERR_TSRUN_CONTAINER_NOT_FOUND. */
export function inspectContainer(context: EngineContext, reference: string): ContainerSummary {
  return summary(context, resolveContainer(context.paths, reference));
}

function summary({ paths }: EngineContext, record: ContainerRecord): ContainerSummary {
  const state = withHealth(paths, record, observedState(paths, record));
  return {
    record: withLinkNames(paths, record),
    state: withPorts(paths, record.id, withNetworks(paths, record, state)),
  };
}

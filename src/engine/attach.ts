/** attach: the streams of a container that runs already. */
import { TsrunError } from "../errors.ts";
import { connectMonitor } from "../runtime/monitor-client.ts";
import { containerRunDir } from "../store/paths.ts";
import type { ProcessHandle } from "./api.ts";
import { clientEvents } from "./container-events.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { containerPaused, observedState } from "./pause.ts";
import { processHandle } from "./process-handle.ts";
import { resolveContainer } from "./records.ts";
import { readState } from "./state.ts";

/** Output from now on, and the container's stdin; throws ERR_TSRUN_CONTAINER_NOT_RUNNING, ERR_TSRUN_CONTAINER_PAUSED. */
export async function attachToContainer(context: EngineContext, reference: string): Promise<ProcessHandle> {
  const record = resolveContainer(context.paths, reference);
  const state = observedState(context.paths, record);
  if (state.paused)
    throw containerPaused("You cannot attach to a paused container, unpause it first", record);
  const client =
    state.status === "running"
      ? await connectMonitor(containerRunDir(context.paths, record.id)).catch(() => undefined)
      : undefined;
  if (!client) {
    throw new TsrunError(
      "ERR_TSRUN_CONTAINER_NOT_RUNNING",
      "You cannot attach to a stopped container, start it first",
      { hint: `${record.name} is ${state.status}; tsrun logs ${record.name} shows what it wrote` },
    );
  }
  recordEvent(context, containerEvent(record, "attach"));
  return processHandle({
    client,
    containerId: record.id,
    containerName: record.name,
    pid: state.pid,
    exited: client.exited.then((exit) => ({ ...exit, record, state: readState(context.paths, record.id) })),
    ...clientEvents(context, record, { attached: true }),
  });
}

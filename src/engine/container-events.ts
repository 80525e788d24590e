/** The events of a process's life, for those who start it and those who look on. */
import type { ExecOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import {
  type ContainerAction,
  containerEvent,
  execAction,
  type Happening,
  type MonitorEvents,
  networkEvent,
  recordEvent,
} from "./events.ts";
import { hasProbe } from "./health.ts";
import { generateId } from "./names.ts";
import type { ContainerRecord, NetworkState } from "./types.ts";

/** What a container's monitor records; `attached`: its launcher listens to it. */
export function lifeEvents(
  record: ContainerRecord,
  { network, attached }: { network: NetworkState | undefined; attached: boolean },
): MonitorEvents {
  const of = (action: ContainerAction): Happening => containerEvent(record, action);
  const events = { start: [of("start")], oom: [of("oom")], die: [of("die")], end: [] as Happening[] };
  if (network) {
    const bridge = { id: network.name, name: network.name, type: "bridge" };
    events.start.unshift(networkEvent(record.id, "connect", bridge));
    events.end.push(networkEvent(record.id, "disconnect", bridge));
  }
  if (attached) events.start.unshift(of("attach"));
  if (!hasProbe(record)) return events;
  return {
    ...events,
    healthy: [of("health_status: healthy")],
    unhealthy: [of("health_status: unhealthy")],
  };
}

/** What an `exec` records; its id tells it from others in the same container. */
export function execEvents(
  record: ContainerRecord,
  { command }: ExecOptions,
): { create: Happening; monitor: MonitorEvents; detach: Happening } {
  const attributes = { execID: generateId() };
  return {
    create: containerEvent(record, execAction("exec_create", command), attributes),
    monitor: {
      start: [containerEvent(record, execAction("exec_start", command), attributes)],
      oom: [],
      die: [containerEvent(record, "exec_die", attributes)],
      end: [],
    },
    detach: containerEvent(record, "exec_detach", attributes),
  };
}

/** What the client of a container records: the signals that it passes on, and that it has let go where it was attached. */
export function clientEvents(
  context: EngineContext,
  record: ContainerRecord,
  { attached }: { attached: boolean },
): { onKill: (signal: number) => void; onDetach: () => void } {
  return {
    onKill: (signal) => recordEvent(context, containerEvent(record, "kill", { signal: String(signal) })),
    onDetach: () => {
      if (attached) recordEvent(context, containerEvent(record, "detach"));
    },
  };
}

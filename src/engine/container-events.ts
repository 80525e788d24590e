/**
 * The events of a process's life: those that its monitor records (native/monitor/journal.h), and those of its clients.
 *
 * Lines are put together here as text, since a start has no time to make JSON of each.
 */
import { journalPath } from "../store/journal.ts";
import type { Paths } from "../store/paths.ts";
import type { ExecOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, execAction, type Happening, networkEvent, recordEvent } from "./events.ts";
import { hasProbe, probeCommand } from "./health.ts";
import { mountsOf } from "./mounts.ts";
import { generateId } from "./names.ts";
import type { ContainerRecord, Endpoint } from "./types.ts";

/** The environment that lets a container's monitor record its life; `attached`: its launcher listens to it. */
export function lifeEnvironment(
  paths: Paths,
  record: ContainerRecord,
  { networks, attached }: { networks: readonly Endpoint[]; attached: boolean },
): string[] {
  const tail = tailOf(containerEvent(record, "start"));
  const line = (action: string): string => `"type":"container","action":"${action}",${tail}`;
  const before = [
    ...volumeLines("mount", record),
    ...networks.map((network) => networkLine("connect", network)),
  ].map((each) => `${each}\n`);
  const after = endLines(record, networks);
  return [
    `TSRUN_JOURNAL=${journalPath(paths)}`,
    `TSRUN_EVENTS_START=${attached ? `${line("attach")}\n` : ""}${before.join("")}${line("start")}`,
    `TSRUN_EVENTS_OOM=${line("oom")}`,
    `TSRUN_EVENTS_DIE=${line("die")}`,
    ...(after.length > 0 ? [`TSRUN_EVENTS_END=${after.join("\n")}`] : []),
    ...(hasProbe(record)
      ? [
          `TSRUN_EVENTS_HEALTHY=${line("health_status: healthy")}`,
          `TSRUN_EVENTS_UNHEALTHY=${line("health_status: unhealthy")}`,
          `TSRUN_EVENTS_PROBE=${probeLines(record)}`,
          `TSRUN_EVENTS_PROBE_DIE=${line("exec_die")}`,
        ]
      : []),
  ];
}

/** A probe is an exec to whoever reads events, as it is with docker. */
function probeLines(record: ContainerRecord): string {
  const tail = tailOf(containerEvent(record, "exec_die"));
  return (["exec_create", "exec_start"] as const)
    .map(
      (kind) =>
        `"type":"container","action":${JSON.stringify(execAction(kind, probeCommand(record)))},${tail}`,
    )
    .join("\n");
}

/** What a container's end brings with it, on the networks that it has then. */
export const endLines = (record: ContainerRecord, networks: readonly Endpoint[]): string[] => [
  ...networks.map((network) => networkLine("disconnect", network)),
  ...volumeLines("unmount", record),
];

/** What an `exec` records, and what its monitor does; an id tells it from others in the same container. */
export function execEvents(
  paths: Paths,
  record: ContainerRecord,
  { command }: ExecOptions,
): { create: Happening; detach: Happening; environment: string[] } {
  const attributes = { execID: generateId() };
  const tail = tailOf(containerEvent(record, "exec_die", attributes));
  const start = JSON.stringify(execAction("exec_start", command));
  return {
    create: containerEvent(record, execAction("exec_create", command), attributes),
    detach: containerEvent(record, "exec_detach", attributes),
    environment: [
      `TSRUN_JOURNAL=${journalPath(paths)}`,
      `TSRUN_EVENTS_START="type":"container","action":${start},${tail}`,
      `TSRUN_EVENTS_DIE="type":"container","action":"exec_die",${tail}`,
    ],
  };
}

function networkLine(action: "connect" | "disconnect", endpoint: Endpoint): string {
  return `"type":"network","action":"${action}",${tailOf(networkEvent(action, endpoint))}`;
}

/** One for each volume of the container. */
function volumeLines(action: "mount" | "unmount", record: ContainerRecord): string[] {
  return mountsOf(record).flatMap((mount) => {
    if (mount.type !== "volume") return [];
    const { name, driver, target, readOnly } = mount;
    const where = { destination: target, propagation: "", "read/write": String(!readOnly) };
    const attributes = { container: record.id, driver, ...(action === "mount" && where) };
    return [`"type":"volume","action":"${action}",${tailOf({ id: name, attributes })}`];
  });
}

/** The rest of a line, but for the braces after the last attribute, which are the monitor's to add. */
function tailOf({ id, attributes }: Pick<Happening, "id" | "attributes">): string {
  return JSON.stringify({ id, attributes }).slice(1, -2);
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

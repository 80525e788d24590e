/**
 * Events: what happens to containers, images and networks, as docker names it, written to the journal
 * (store/journal.ts) by whoever does it. read-events.ts reads them.
 *
 *     recordEvent(context, containerEvent(record, "kill", { signal: "15" }));
 *
 * An event is recorded once it has happened. What the monitor knows first (start, oom, die, and the end of what depends
 * on the process) it records itself, from lines that container-events.ts prepares.
 */
import { realtime } from "../kernel/clock.ts";
import { appendToJournal } from "../store/journal.ts";
import type { Paths } from "../store/paths.ts";
import type { ContainerRecord, Endpoint } from "./types.ts";

export type ContainerAction =
  | "archive-path"
  | "attach"
  | "commit"
  | "copy"
  | "create"
  | "destroy"
  | "detach"
  | "die"
  | `exec_create: ${string}`
  | "exec_detach"
  | "exec_die"
  | `exec_start: ${string}`
  | "export"
  | "extract-to-dir"
  | `health_status: ${"starting" | "healthy" | "unhealthy"}`
  | "kill"
  | "oom"
  | "pause"
  | "prune"
  | "rename"
  | "resize"
  | "restart"
  | "start"
  | "stop"
  | "top"
  | "unpause"
  | "update";

export type ImageAction =
  | "create"
  | "delete"
  | "import"
  | "load"
  | "prune"
  | "pull"
  | "push"
  | "save"
  | "tag"
  | "untag";
export type NetworkAction = "connect" | "create" | "destroy" | "disconnect" | "prune" | "remove" | "update";
export type VolumeAction = "create" | "destroy" | "mount" | "prune" | "unmount";

/** Docker's attributes of an event: signal, exitCode, oldName, … */
export type EventAttributes = Readonly<Record<string, string>>;

/** What happened to what. */
export type Happening = {
  readonly id: string;
  readonly attributes: EventAttributes;
} & (
  | { readonly type: "builder"; readonly action: "prune" }
  | { readonly type: "container"; readonly action: ContainerAction }
  | { readonly type: "image"; readonly action: ImageAction }
  | { readonly type: "network"; readonly action: NetworkAction }
  | { readonly type: "volume"; readonly action: VolumeAction }
);

/** `time` is RFC 3339 in UTC with nine digits of a second, so that times sort as text. */
export type EngineEvent = { readonly time: string } & Happening;

type Subject = Pick<ContainerRecord, "id" | "name" | "image" | "labels">;

/** Labels longer than this, as JSON, are left out of events. The monitor's have to fit into MAX_ARG_STRLEN, execve(2). */
const MAX_LABELS = 32 * 1024;
/** So are the ends of longer command lines. */
const MAX_COMMAND = 4096;

/** Adds an event to the journal. One that cannot be written (a full disk) is left out: what happened has happened. */
export function recordEvent(
  { paths }: { readonly paths: Paths },
  happening: Happening,
  time = timeNow(),
): void {
  const { type, action, id, attributes } = happening;
  try {
    appendToJournal(paths, JSON.stringify({ time, type, action, id, attributes }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
  }
}

/** An event of a container, with the attributes that all of them have: its labels, its image and its name. */
export function containerEvent(
  record: Subject,
  action: ContainerAction,
  attributes: EventAttributes = {},
): Happening {
  const { id, image, name } = record;
  const labels = JSON.stringify(record.labels).length > MAX_LABELS ? {} : record.labels;
  return { type: "container", action, id, attributes: { ...labels, image, name, ...attributes } };
}

/** An event of a container on a network. */
export function networkEvent(
  action: NetworkAction,
  {
    networkId,
    network,
    driver,
    containerId,
  }: Pick<Endpoint, "networkId" | "network" | "driver" | "containerId">,
): Happening {
  const attributes = { container: containerId, name: network, type: driver };
  return { type: "network", action, id: networkId, attributes };
}

/** "exec_create: sh -c ls". */
export function execAction<Kind extends "exec_create" | "exec_start">(
  kind: Kind,
  command: readonly string[],
): `${Kind}: ${string}` {
  return `${kind}: ${command.join(" ").slice(0, MAX_COMMAND)}`;
}

/** The time now as events have it: RFC 3339 in UTC with nanoseconds. */
export function timeNow(): string {
  const { seconds, nanoseconds } = realtime();
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, "0")}Z`;
}

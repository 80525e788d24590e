/** A line of `ps`: docker's fields of a container. */
import { mountsOf } from "../../engine/mounts.ts";
import type { ContainerRecord, ContainerState, ContainerSummary } from "../../engine/types.ts";
import { networksOf, shownPorts } from "../container-network.ts";
import type { ContainerSize } from "../container-size.ts";
import type { ListFormat } from "./rows.ts";
import { humanSize } from "./size.ts";
import { ellipsis, shortId } from "./table.ts";
import { ago, goTime, humanDuration } from "./time.ts";

const COMMAND_WIDTH = 20;

export interface ContainerRow {
  Command: string;
  CreatedAt: string;
  ID: string;
  Image: string;
  Labels: string;
  LocalVolumes: string;
  Mounts: string;
  Names: string;
  Networks: string;
  Platform: null;
  Ports: string;
  RunningFor: string;
  Size: string;
  State: string;
  Status: string;
  Label: (name: string) => string;
}

export function containerList(withSize: boolean): ListFormat<ContainerRow> {
  return {
    headings: {
      ID: "CONTAINER ID",
      Image: "IMAGE",
      Command: "COMMAND",
      CreatedAt: "CREATED AT",
      RunningFor: "CREATED",
      Status: "STATUS",
      State: "STATE",
      Ports: "PORTS",
      Names: "NAMES",
      Size: "SIZE",
      Labels: "LABELS",
      Mounts: "MOUNTS",
      LocalVolumes: "LOCAL VOLUMES",
      Networks: "NETWORKS",
      Platform: "PLATFORM",
    },
    columns: [
      "ID",
      "Image",
      "Command",
      "RunningFor",
      "Status",
      "Ports",
      "Names",
      ...(withSize ? (["Size"] as const) : []),
    ],
  };
}

interface View {
  truncate: boolean;
  now: number;
  size: ContainerSize | undefined;
}

export function containerRow(
  { record, state }: ContainerSummary,
  { truncate, now, size }: View,
): ContainerRow {
  const commandLine = commandOf(record);
  return {
    Command: JSON.stringify(truncate ? ellipsis(commandLine, COMMAND_WIDTH) : commandLine),
    CreatedAt: goTime(record.createdAt),
    ID: truncate ? shortId(record.id) : record.id,
    Image: truncate && record.image.startsWith("sha256:") ? shortId(record.image) : record.image,
    Labels: Object.entries(record.labels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, text]) => `${key}=${text}`)
      .join(","),
    LocalVolumes: String(localVolumes(record)),
    Mounts: mountSources(record)
      .map((source) => (truncate ? ellipsis(source, 15) : source))
      .join(","),
    Names: record.name,
    Networks: networksOf(record).join(","),
    Platform: null,
    Ports: shownPorts({ record, state }).join(", "),
    RunningFor: ago(record.createdAt, now),
    Size: size === undefined ? "0B" : `${humanSize(size.own)} (virtual ${humanSize(size.total)})`,
    State: statusWord(state),
    Status: statusText(state, now),
    Label: (name) => record.labels[name] ?? "",
  };
}

/** docker's one word: a container that is paused runs, and yet is said to be paused. */
export const statusWord = (state: ContainerState): string => (state.paused ? "paused" : state.status);

/** "Up 2 minutes", "Up 2 minutes (healthy)", "Up 2 minutes (Paused)", "Restarting (1) 5 seconds ago", "Exited (0) 3 seconds ago", "Created", "Dead". */
export function statusText(state: ContainerState, now: number): string {
  switch (state.status) {
    case "running":
      return `Up ${humanDuration(now - Date.parse(state.startedAt))}${state.paused ? " (Paused)" : healthNote(state.health?.status)}`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${ago(state.finishedAt, now)}`;
    case "exited":
      return `Exited (${state.exitCode}) ${ago(state.finishedAt, now)}`;
    case "created":
      return "Created";
    default:
      return "Dead";
  }
}

function healthNote(health: "starting" | "healthy" | "unhealthy" | undefined): string {
  if (health === undefined) return "";
  return health === "starting" ? " (health: starting)" : ` (${health})`;
}

/** The command line, arguments with blanks in quotes. */
function commandOf({ path, args }: ContainerRecord): string {
  return [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}

/** Directories of the host, and volumes by name. */
const mountSources = (record: ContainerRecord): string[] =>
  mountsOf(record).flatMap((mount) => {
    if (mount.type === "bind") return [mount.source];
    return mount.type === "volume" ? [mount.name] : [];
  });

const localVolumes = (record: ContainerRecord): number =>
  mountsOf(record).filter((mount) => mount.type === "volume" && mount.driver === "local").length;

/** What stands where in a command line is read from the command's usage: "[OPTIONS] CONTAINER COMMAND [ARG...]". */
import {
  beginnings,
  type Candidate,
  type Completion,
  type ContainerFilter,
  DIRECTORIES,
  FILES,
  type Names,
  NOTHING,
  words,
} from "./completion.ts";

/** Containers in a state that the command can do something with; of all others any is as good. */
const FILTERS: Readonly<Record<string, ContainerFilter>> = {
  attach: "running",
  exec: "running",
  kill: "running",
  pause: "running",
  port: "running",
  start: "startable",
  stats: "running",
  stop: "running",
  top: "running",
  unpause: "paused",
};

export interface PositionalRequest {
  /** The command's own name: "exec". */
  command: string;
  usage: string;
  /** The positionals before the one to complete. */
  before: readonly string[];
  names: Names;
}

export async function positionalsOf(request: PositionalRequest): Promise<Completion> {
  const { command, usage, before, names } = request;
  const place = placeAt(usage, before.length);
  if (/\bCONTAINER:/.test(usage)) return await pathsInContainers(names);
  if (place === undefined) return NOTHING;
  if (/^[a-z]+(\|[a-z]+)+$/.test(place)) return words(place.split("|"));
  const candidates = await namesFor(place, FILTERS[command] ?? "all", names);
  if (candidates === undefined && place === "PATH") return DIRECTORIES;
  if (candidates === undefined) return /PATH|FILE|\bfile\b/.test(place) ? FILES : NOTHING;
  return { candidates: candidates.filter(({ text }) => !before.includes(text)) };
}

/** The word of the usage that the positional of this number is; the last one where it may be repeated. */
function placeAt(usage: string, index: number): string | undefined {
  const places = (usage.split("\n")[0] as string).split(" ").filter((place) => place !== "[OPTIONS]");
  const last = places.at(-1);
  const place = places[index] ?? (last?.includes("...") ? last : undefined);
  return place?.replace(/^\[|\]$|\.\.\./g, "").replace(/\]$/, "");
}

async function namesFor(
  place: string,
  filter: ContainerFilter,
  names: Names,
): Promise<Candidate[] | undefined> {
  if (place.startsWith("NAME|ID")) {
    const kinds = [names.containers("all"), names.images(), names.networks(), names.volumes()];
    return (await Promise.all(kinds)).flat();
  }
  if (place.startsWith("CONTAINER")) return await names.containers(filter);
  if (place.startsWith("NETWORK")) return await names.networks();
  if (place.startsWith("VOLUME")) return await names.volumes();
  if (/^(SOURCE_IMAGE|TARGET_IMAGE|IMAGE|MANIFEST|REPOSITORY|NAME\[:TAG)/.test(place))
    return await names.images();
  return undefined;
}

/** `cp`: a file of the host, or CONTAINER:PATH, whose path nobody can list from here. */
async function pathsInContainers(names: Names): Promise<Completion> {
  const containers = await names.containers("all");
  return { ...beginnings(containers.map(({ text }) => `${text}:`)), files: "any" };
}

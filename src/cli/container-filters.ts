/** The filters of `ps`. */
import { mountsOf } from "../engine/mounts.ts";
import type { ContainerSummary } from "../engine/types.ts";
import { canonicalName, parseReference } from "../image/reference.ts";
import { portName } from "../network/ports/types.ts";
import { exposedPorts, isOnNetwork, parsePortRange, publishedOf } from "./container-network.ts";
import { invalidFilter, type Matchers, matchesLabel } from "./filters.ts";
import { parseBool } from "./options/numbers.ts";
import { statusWord } from "./render/container-row.ts";

const STATUSES = ["created", "dead", "exited", "paused", "removing", "restarting", "running"];

const HEALTHS = ["starting", "healthy", "unhealthy", "none"];

interface World {
  /** What `before` and `since` name their container from, newest first. */
  all: readonly ContainerSummary[];
  /** The layers of the images that `ancestor` names, lowest first; those that are there. */
  layersOf?: ReadonlyMap<string, readonly string[]>;
}

export function containerMatchers({ all, layersOf = new Map() }: World): Matchers<ContainerSummary> {
  return {
    id:
      (value) =>
      ({ record }) =>
        record.id.startsWith(value),
    name: (value) => {
      const pattern = toPattern(value);
      return ({ record }) => pattern.test(record.name) || pattern.test(`/${record.name}`);
    },
    label:
      (value) =>
      ({ record }) =>
        matchesLabel(value, record.labels),
    status: (value) => {
      if (!STATUSES.includes(value))
        throw invalidFilter("status", value, `a status is one of ${STATUSES.join(", ")}`);
      return ({ state }) => statusWord(state) === value;
    },
    "is-task": (value) => {
      const wanted = parseBoolean("is-task", value);
      return () => !wanted; // tasks are of a swarm, and there is none
    },
    expose: (value) => {
      const means = portRange("expose", value);
      return ({ record }) => exposedPorts(record).some(means);
    },
    publish: (value) => {
      const means = portRange("publish", value);
      return (summary) => publishedOf(summary).some((port) => means(portName(port)));
    },
    exited: (value) => {
      if (!/^-?\d+$/.test(value)) throw invalidFilter("exited", value, "it takes an exit code");
      return ({ state }) => state.status === "exited" && state.exitCode === Number(value);
    },
    ancestor:
      (value) =>
      ({ record }) =>
        isAncestor(value, record) || isBuiltOn(record, layersOf.get(value)),
    network:
      (value) =>
      ({ record }) =>
        isOnNetwork(record, value),
    health: (value) => {
      if (!HEALTHS.includes(value))
        throw invalidFilter("health", value, `a health is one of ${HEALTHS.join(", ")}`);
      return ({ state }) => (state.health?.status ?? "none") === value;
    },
    volume:
      (value) =>
      ({ record }) =>
        mountsOf(record).some(
          (mount) =>
            mount.target === value ||
            (mount.type === "bind" && mount.source === value) ||
            (mount.type === "volume" && mount.name === value),
        ),
    before: (value) => {
      const limit = find(all, "before", value).record.createdAt;
      return ({ record }) => record.createdAt < limit;
    },
    since: (value) => {
      const limit = find(all, "since", value).record.createdAt;
      return ({ record }) => record.createdAt > limit;
    },
  };
}

function toPattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw invalidFilter("name", value, "it takes a regular expression");
  }
}

function isAncestor(value: string, record: ContainerSummary["record"]): boolean {
  const id = record.imageId.replace(/^sha256:/, "");
  if (/^(sha256:)?[a-f0-9]{4,64}$/.test(value) && id.startsWith(value.replace(/^sha256:/, ""))) return true;
  try {
    return canonicalName(parseReference(value)) === canonicalName(parseReference(record.image));
  } catch {
    return false;
  }
}

/** Whether all layers of an image are the lowest ones of the container. */
function isBuiltOn(record: ContainerSummary["record"], layers: readonly string[] | undefined): boolean {
  return (
    layers !== undefined && layers.length > 0 && layers.every((layer, at) => record.layers[at] === layer)
  );
}

function parseBoolean(name: string, value: string): boolean {
  try {
    return parseBool(value);
  } catch {
    throw invalidFilter(name, value, "it takes true or false");
  }
}

function portRange(name: string, value: string): (port: string) => boolean {
  try {
    return parsePortRange(value);
  } catch {
    throw invalidFilter(name, value, 'it takes "80", "8000-8080" or either with /udp');
  }
}

function find(all: readonly ContainerSummary[], filter: string, value: string): ContainerSummary {
  const found = all.find(({ record }) => record.name === value || record.id.startsWith(value));
  if (found === undefined) throw invalidFilter(filter, value, "no such container");
  return found;
}

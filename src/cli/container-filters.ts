/** The filters of `ps`. */
import type { ContainerSummary } from "../engine/types.ts";
import { canonicalName, parseReference } from "../image/reference.ts";
import { invalidFilter, type Matchers, matchesLabel } from "./filters.ts";

const STATUSES = ["created", "dead", "exited", "paused", "removing", "restarting", "running"];

const HEALTHS = ["starting", "healthy", "unhealthy", "none"];

/** `all` is what `before` and `since` name their container from, newest first. */
export function containerMatchers(all: readonly ContainerSummary[]): Matchers<ContainerSummary> {
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
      return ({ state }) => state.status === value;
    },
    exited: (value) => {
      if (!/^-?\d+$/.test(value)) throw invalidFilter("exited", value, "it takes an exit code");
      return ({ state }) => state.status === "exited" && state.exitCode === Number(value);
    },
    ancestor:
      (value) =>
      ({ record }) =>
        isAncestor(value, record),
    network:
      (value) =>
      ({ record }) =>
        networkOf(record) === value,
    health: (value) => {
      if (!HEALTHS.includes(value))
        throw invalidFilter("health", value, `a health is one of ${HEALTHS.join(", ")}`);
      return ({ state }) => (state.health?.status ?? "none") === value;
    },
    volume:
      (value) =>
      ({ record }) =>
        (record.options.mounts ?? []).some(
          (mount) => mount.target === value || (mount.type === "bind" && mount.source === value),
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

export const networkOf = (record: ContainerSummary["record"]): string => record.options.network ?? "bridge";

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

function find(all: readonly ContainerSummary[], filter: string, value: string): ContainerSummary {
  const found = all.find(({ record }) => record.name === value || record.id.startsWith(value));
  if (found === undefined) throw invalidFilter(filter, value, "no such container");
  return found;
}

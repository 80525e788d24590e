/** The filters of `volume ls` and `volume prune`. */
import type { VolumeSummary } from "../engine/api.ts";
import { invalidFilter, type Matchers, matchesLabel } from "./filters.ts";
import { parseBool } from "./options/numbers.ts";

export const volumeMatchers: Matchers<VolumeSummary> = {
  dangling: (value) => {
    const wanted = booleanOf("dangling", value);
    return ({ users }) => (users.length === 0) === wanted;
  },
  driver:
    (value) =>
    ({ driver }) =>
      driver === value,
  label:
    (value) =>
    ({ labels }) =>
      matchesLabel(value, labels),
  name: (value) => {
    const pattern = patternOf(value);
    return ({ name }) => pattern.test(name);
  },
};

/** `all` is no condition of a volume: the command looks at it itself. */
export const pruneMatchers: Matchers<VolumeSummary> = {
  all: (value) => {
    booleanOf("all", value);
    return () => true;
  },
  label:
    (value) =>
    ({ labels }) =>
      matchesLabel(value, labels),
  "label!":
    (value) =>
    ({ labels }) =>
      !matchesLabel(value, labels),
};

export function booleanOf(name: string, value: string): boolean {
  try {
    return parseBool(value);
  } catch {
    throw invalidFilter(name, value, "it takes true or false");
  }
}

function patternOf(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw invalidFilter("name", value, "it takes a part of a name or a regular expression");
  }
}

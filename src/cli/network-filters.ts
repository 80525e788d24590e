/** The filters of `network ls`, and what those of `network prune` look at. */
import type { NetworkSummary } from "../engine/api.ts";
import { invalidFilter, type Matchers, matchesLabel } from "./filters.ts";
import { parseBool } from "./options/numbers.ts";
import type { Prunable } from "./prune-filters.ts";

const PREDEFINED = ["bridge", "host", "none"];

export const networkMatchers: Matchers<NetworkSummary> = {
  driver:
    (value) =>
    ({ driver }) =>
      driver === value,
  id:
    (value) =>
    ({ id }) =>
      id.startsWith(value),
  name:
    (value) =>
    ({ name }) =>
      name.includes(value),
  label:
    (value) =>
    ({ labels }) =>
      matchesLabel(value, labels),
  scope: (value) => () => value === "local",
  type: (value) => {
    if (value !== "custom" && value !== "builtin")
      throw invalidFilter("type", value, "it takes custom or builtin");
    return ({ name }) => PREDEFINED.includes(name) === (value === "builtin");
  },
  dangling: (value) => {
    const wanted = booleanOf(value);
    return ({ name, containers }) => !wanted === (containers.length > 0 || PREDEFINED.includes(name));
  },
};

export const prunableNetwork = ({ labels, createdAt }: NetworkSummary): Prunable => ({
  labels,
  created: createdAt,
});

function booleanOf(value: string): boolean {
  try {
    return parseBool(value);
  } catch {
    throw invalidFilter("dangling", value, "it takes true or false");
  }
}

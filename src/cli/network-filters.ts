/** The filters of `network ls` and `network prune`. */
import type { NetworkSummary } from "../engine/api.ts";
import { invalidFilter, type Matchers, matchesLabel } from "./filters.ts";
import { parseBool } from "./options/numbers.ts";
import { parseMoment } from "./render/time.ts";

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

/** `network prune`: `label!=` keeps what has the label. */
export const pruneMatchers = (now: number): Matchers<NetworkSummary> => ({
  label: (value) => (network) => matchesLabel(value, network.labels),
  "label!": (value) => (network) => !matchesLabel(value, network.labels),
  until: (value) => {
    const limit = momentOf(value, now);
    return ({ createdAt }) => Date.parse(createdAt) < limit;
  },
});

function booleanOf(value: string): boolean {
  try {
    return parseBool(value);
  } catch {
    throw invalidFilter("dangling", value, "it takes true or false");
  }
}

function momentOf(value: string, now: number): number {
  let moment: string;
  try {
    moment = parseMoment(value, now);
  } catch (error) {
    throw invalidFilter("until", value, (error as Error).message);
  }
  return /^\d+(\.\d+)?$/.test(moment) ? Number(moment) * 1000 : Date.parse(moment);
}

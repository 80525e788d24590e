/** The filters of the prune commands: what may go is chosen by its labels and its age. */
import { invalidFilter, type Matchers, matchesLabel, parseFilter } from "./filters.ts";
import { flag, list } from "./option-table.ts";
import { parseMoment } from "./render/time.ts";

/** What all prune commands take. */
export const pruneFlags = {
  filter: list('Provide filter values (e.g. "until=<timestamp>")', { metavar: "filter", parse: parseFilter }),
  force: flag("Do not prompt for confirmation", { short: "f" }),
};

export interface Prunable {
  labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  created: string;
}

/** `of` says what the filters look at. Of several `label!` none may match, of `label` all have to. */
export function pruneMatchers<Item>(of: (item: Item) => Prunable, now: number): Matchers<Item> {
  return {
    label: (value) => (item) => matchesLabel(value, of(item).labels),
    "label!": (value) => (item) => !matchesLabel(value, of(item).labels),
    until: (value) => {
      const limit = moment(value, now);
      return (item) => Date.parse(of(item).created) < limit;
    },
  };
}

/** Milliseconds since 1970. */
function moment(value: string, now: number): number {
  try {
    const text = parseMoment(value, now);
    return /^[\d.]+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  } catch {
    throw invalidFilter(
      "until",
      value,
      "it takes a time such as 2013-01-02T13:23:37Z or a duration such as 42m",
    );
  }
}

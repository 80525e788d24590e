/** `--filter NAME=VALUE`, given several times: values of one name are alternatives, names all have to match. */
import { TsrunError } from "../errors.ts";

export type Filter = readonly [name: string, value: string];

export function parseFilter(text: string): Filter {
  const equals = text.indexOf("=");
  if (equals === -1) throw new Error("bad format of filter (expected name=value)");
  return [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()];
}

/** What a filter's value says of an item. Of labels all values must match, as each names another label. */
export type Matchers<Item> = Readonly<Record<string, (value: string) => (item: Item) => boolean>>;

/** One predicate for all filters; throws ERR_TSRUN_FILTER_INVALID for a name that is not among the matchers. */
export function combine<Item>(filters: readonly Filter[], matchers: Matchers<Item>): (item: Item) => boolean {
  const byName = Map.groupBy(filters, ([name]) => name);
  const tests = [...byName].map(([name, values]) => {
    const matcher = Object.hasOwn(matchers, name) ? matchers[name] : undefined;
    if (matcher === undefined) throw unknown(name, Object.keys(matchers));
    const alternatives = values.map(([, value]) => matcher(value));
    return name === "label" || name === "label!"
      ? (item: Item) => alternatives.every((matches) => matches(item))
      : (item: Item) => alternatives.some((matches) => matches(item));
  });
  return (item) => tests.every((test) => test(item));
}

/** "key" or "key=value" against a set of labels. */
export function matchesLabel(value: string, labels: Readonly<Record<string, string>>): boolean {
  const equals = value.indexOf("=");
  if (equals === -1) return Object.hasOwn(labels, value);
  return labels[value.slice(0, equals)] === value.slice(equals + 1);
}

export function invalidFilter(name: string, value: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_FILTER_INVALID", `invalid filter '${name}=${value}'`, { hint });
}

function unknown(name: string, known: string[]): TsrunError {
  return new TsrunError("ERR_TSRUN_FILTER_INVALID", `invalid filter '${name}'`, {
    hint: `the filters are ${known.sort().join(", ")}`,
  });
}

import type { FoundImage } from "../../engine/api.ts";
import { command } from "../command.ts";
import { combine, invalidFilter, type Matchers, parseFilter } from "../filters.ts";
import { flag, list, value } from "../option-table.ts";
import { parseBool, parseInteger } from "../options/numbers.ts";
import { renderRows } from "../render/rows.ts";
import { searchList, searchRow } from "../render/search-row.ts";

export default command({
  summary: "Search Docker Hub for images",
  usage: "[OPTIONS] TERM",
  forms: ["search"],
  examples: [
    "tsrun search nginx",
    "tsrun search --filter is-official=true --filter stars=100 postgres",
    "tsrun search --limit 5 --format '{{.Name}}: {{.Description}}' redis",
    "tsrun search localhost:5000/app  # in another registry",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {
    filter: list("Filter output based on conditions provided", {
      short: "f",
      metavar: "filter",
      parse: parseFilter,
    }),
    format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
    limit: value("Max number of search results", { metavar: "int", parse: parseInteger }),
    "no-trunc": flag("Don't truncate output"),
  },
  async run(
    { options: { filter, format = "", limit, "no-trunc": whole }, positionals: [term = ""] },
    context,
  ) {
    const matches = combine(filter, searchMatchers());
    const engine = await context.engine();
    const found = await engine.registries.search(term, limit === undefined ? {} : { limit });
    const shown = found.filter(matches).sort((a, b) => b.stars - a.stars);
    const isJson = format === "json";
    const rows = shown.map((image) => searchRow(image, { truncate: !whole, isJson }));
    context.out(renderRows(rows, format, searchList));
    return 0;
  },
});

export function searchMatchers(): Matchers<FoundImage> {
  return {
    "is-automated": (value) => equals("is-automated", value, ({ automated }) => automated),
    "is-official": (value) => equals("is-official", value, ({ official }) => official),
    stars: (value) => {
      if (!/^\d+$/.test(value)) throw invalidFilter("stars", value, "it takes a number");
      return ({ stars }) => stars >= Number(value);
    },
  };
}

function equals(name: string, value: string, field: (image: FoundImage) => boolean) {
  let wanted: boolean;
  try {
    wanted = parseBool(value);
  } catch {
    throw invalidFilter(name, value, "it takes true or false");
  }
  return (image: FoundImage) => field(image) === wanted;
}

/** `--format` of the commands that print a list: `table`, `table TEMPLATE`, `json` or a template for each row. */

import { headingFunctions } from "../template/functions.ts";
import { compile } from "../template/template.ts";
import { goMap } from "../template/values.ts";
import { table } from "./table.ts";

export interface ListFormat<Row extends object> {
  /** Headings by field name. */
  headings: Readonly<Record<string, string>>;
  /** The table's columns where --format says nothing else: field names. */
  columns: readonly (keyof Row & string)[];
}

/** The rows as text. Functions among a row's fields are for templates and left out of JSON. */
export function renderRows<Row extends object>(
  rows: readonly Row[],
  format: string,
  list: ListFormat<Row>,
): string {
  if (format === "" || format === "table") {
    const cells = rows.map((row) => list.columns.map((column) => String(row[column])));
    return table([list.columns.map((column) => list.headings[column] as string), ...cells]);
  }
  const sorted = rows.map(sortFields);
  if (format === "json") return sorted.map((row) => `${JSON.stringify(row)}\n`).join("");

  const isTable = /^table\s/.test(format);
  const source = (isTable ? format.replace(/^table\s+/, "") : format)
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
  const template = compile(source);
  const lines = sorted.map((row) => template.execute(row));
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  const heading = template.execute(headings(list), headingFunctions);
  return table([heading, ...lines].map((line) => line.split("\t")));
}

/** Docker's order of the fields: by name. */
function sortFields(row: object): object {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `{{.Label "x"}}` is headed by the label's last component. */
function headings<Row extends object>(list: ListFormat<Row>): Record<string, unknown> {
  return goMap<unknown>({
    ...list.headings,
    Label: (name: string) => name.split(".").at(-1)?.replaceAll(/[-_]/g, " "),
  });
}

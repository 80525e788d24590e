/** Columns as docker aligns them: at least ten wide, three blanks between, the last one unpadded. */

const MIN_WIDTH = 10;
const PADDING = 3;

/** Lines of cells as text; every line ends in a newline. */
export function table(rows: readonly (readonly string[])[], minWidth = MIN_WIDTH): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? minWidth, width(cell) + PADDING);
    });
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : pad(cell, widths[column] ?? 0))).join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}

const width = (cell: string): number => [...cell].length;
const pad = (cell: string, columns: number): string => cell + " ".repeat(Math.max(0, columns - width(cell)));

/** At most `columns` characters, the last of which stands for the rest. */
export function ellipsis(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, columns - 1).join("")}…`;
}

/** The first twelve digits of an id, without its algorithm. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

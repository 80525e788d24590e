/** Text in the columns of a terminal. */

/** Scripts and signs that take two columns (Unicode, East Asian Width: W and F). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Marks that take none: they sit on the letter before. */
const COMBINING = /\p{Mn}|\p{Me}|\u200d|\ufe0f/u;

const columnsOf = (character: string): number =>
  COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1;

export const widthOf = (text: string): number => [...text].reduce((sum, each) => sum + columnsOf(each), 0);

/** The beginning of a text that fits. */
export function cut(text: string, columns: number): string {
  if (text.length * 2 <= columns) return text;
  let width = 0;
  let end = 0;
  for (const character of text) {
    width += columnsOf(character);
    if (width > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}

export const padded = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - widthOf(text)));

/** How many rows a line takes that the terminal wraps. */
export const rowsOf = (line: string, columns: number): number =>
  Math.max(1, Math.ceil(widthOf(line) / columns));

const ESC = "\\u001b";

/** Control sequences (ECMA-48: CSI of seven and of eight bits, OSC, two-byte escapes). */
const SEQUENCES = new RegExp(
  [
    `(?:${ESC}\\[|\\u009b)[0-?]*[ -/]*[@-~]`,
    `${ESC}\\][^\\u0007\\u001b]*(?:\\u0007|${ESC}\\\\)?`,
    `${ESC}(?:[@-Z\\\\^_]|[ -/]+[0-~])`,
  ].join("|"),
  "g",
);
const CONTROLS = /\p{Cc}/gu;

/** What a line of a program's output shows: a progress bar that is redrawn counts as it was drawn last. */
export function printable(text: string): string {
  const last = text.replace(/\r+$/, "").split("\r").at(-1) as string;
  return last.replace(SEQUENCES, "").replaceAll("\t", "    ").replace(CONTROLS, "");
}

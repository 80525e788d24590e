/** Text that is drawn over what a terminal showed before, without flickering (console_codes(4)). */

const HOME = "\x1b[H";
const ERASE_LINE_END = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

/** The text from the top left corner on, as many of its lines as there is room for, and nothing else. */
export function screenful(text: string, size: { rows: number; columns: number } | undefined): string {
  const { rows, columns } = size ?? { rows: 24, columns: 80 };
  // The cursor stands on a line of its own below: writing on the last one would scroll.
  let room = rows - 1;
  const shown: string[] = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    room -= Math.max(1, Math.ceil([...line].length / columns));
    if (room < 0) break;
    shown.push(`${line}${ERASE_LINE_END}\n`);
  }
  return `${HOME}${shown.join("")}${ERASE_BELOW}`;
}

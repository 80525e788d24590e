/**
 * Parser directives: comments of the form `# name=value` before everything else. The first line that is none ends
 * them, even a comment or an empty line.
 */
import { trim, trimEnd, trimStart } from "./text.ts";

const NAMES = new Set(["syntax", "escape", "check"]);

/** A comment that reads as a directive; undefined for others. `comment` is without its #. */
export function readDirective(comment: string): { name: string; value: string } | undefined {
  const text = trimStart(comment);
  const equals = text.indexOf("=");
  if (equals < 0) return undefined;
  const name = trimEnd(text.slice(0, equals));
  if (!/^[a-z][a-z0-9]*$/i.test(name) || !NAMES.has(name.toLowerCase())) return undefined;
  const value = trim(text.slice(equals + 1));
  return value === "" ? undefined : { name: name.toLowerCase(), value };
}

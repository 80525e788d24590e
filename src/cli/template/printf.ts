/** fmt.Sprintf, for the verbs that templates use. */
import { format } from "./values.ts";

const VERB = /%([-+# 0]*)(\d+|\*)?(?:\.(\d+))?([a-zA-Z%])/g;

/** Formats as Go does, a wrong or missing argument showing in the text ("%!d(string=x)", "%!s(MISSING)"). */
export function sprintf(pattern: string, ...args: unknown[]): string {
  let used = 0;
  const text = pattern.replace(VERB, (_, flags: string, width = "", precision?: string, verb = "") => {
    if (verb === "%") return "%";
    const columns = width === "*" ? Number(args[used++]) : Number(width);
    if (used >= args.length) return `%!${verb}(MISSING)`;
    return pad(verbText(verb, args[used++], { flags, precision }), flags, columns);
  });
  if (used >= args.length) return text;
  const extra = args.slice(used).map((value) => `${goType(value)}=${format(value)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function verbText(
  verb: string,
  value: unknown,
  { flags, precision }: { flags: string; precision: string | undefined },
): string {
  const bad = () => `%!${verb}(${goType(value)}=${format(value)})`;
  switch (verb) {
    case "v":
    case "s": {
      const text = format(value);
      return precision === undefined ? text : [...text].slice(0, Number(precision)).join("");
    }
    case "q":
      return JSON.stringify(format(value));
    case "T":
      return goType(value);
    case "t":
      return typeof value === "boolean" ? String(value) : bad();
    case "d":
      return Number.isInteger(value) ? signed(String(value), flags) : bad();
    case "x":
    case "X": {
      const hex = typeof value === "number" ? value.toString(16) : Buffer.from(format(value)).toString("hex");
      return verb === "X" ? hex.toUpperCase() : hex;
    }
    case "o":
    case "b":
      return typeof value === "number" ? value.toString(verb === "o" ? 8 : 2) : bad();
    case "c":
      return typeof value === "number" ? String.fromCodePoint(value) : bad();
    case "f":
    case "F":
      return typeof value === "number" ? signed(value.toFixed(Number(precision ?? 6)), flags) : bad();
    case "e":
    case "g":
      return typeof value === "number"
        ? signed(verb === "e" ? exponential(value, precision) : String(value), flags)
        : bad();
    default:
      return bad();
  }
}

/** The type that a value of a JSON document has in Go, whole numbers being ints. */
function goType(value: unknown): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (typeof value !== "object") return typeof value === "bigint" ? "int64" : typeof value;
  const items = Object.values(value);
  const item =
    items.length > 0 && items.every((each) => typeof each === "string") ? "string" : "interface {}";
  return Array.isArray(value) ? `[]${item}` : `map[string]${item}`;
}

/** Go writes at least two digits of the exponent. */
const exponential = (value: number, precision = "6"): string =>
  value.toExponential(Number(precision)).replace(/(e[+-])(\d)$/, "$10$2");

const signed = (text: string, flags: string): string =>
  flags.includes("+") && !text.startsWith("-") ? `+${text}` : text;

function pad(text: string, flags: string, width: number): string {
  if (flags.includes("-")) return text.padEnd(width);
  if (!flags.includes("0") || !/^[+-]?[\d.]+$/.test(text)) return text.padStart(width);
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}

/** Reads a command line as runc's does: Go's flags, one or two dashes, `--flag value` or `--flag=value`. */
import { invalidRequest } from "../../oci/errors.ts";
import { type OciFlag, Values } from "./command.ts";

export interface Parsed {
  flags: Values;
  words: string[];
  help: boolean;
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Throws ERR_TSRUN_OCI_REQUEST_INVALID for what is no flag, or no value of one. */
export function parseFlags(
  argv: readonly string[],
  flags: readonly OciFlag[],
  { stopAtFirst = false, anyFlags = false }: { stopAtFirst?: boolean; anyFlags?: boolean } = {},
): Parsed {
  const values = new Map<string, string[]>();
  const words: string[] = [];
  let help = false;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === "--") {
      words.push(...argv.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      if (!stopAtFirst) continue;
      words.push(...argv.slice(index + 1));
      break;
    }
    const [, name = "", inline] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (name === "help" || name === "h") {
      help = true;
      continue;
    }
    const flag = flags.find((each) => each.name === name || each.alias === name);
    if (flag === undefined && anyFlags) {
      words.push(word);
      continue;
    }
    if (flag === undefined) throw invalidRequest(`flag provided but not defined: -${name}`);
    const given = inline ?? (flag.kind === "boolean" ? "true" : argv[++index]);
    if (given === undefined) throw invalidRequest(`flag needs an argument: ${word}`);
    const value = checkValue(flag, given);
    const earlier = flag.kind === "strings" || flag.kind === "numbers" ? (values.get(flag.name) ?? []) : [];
    values.set(flag.name, [...earlier, value]);
  }
  return { flags: new Values(values), words, help };
}

function checkValue({ kind, name }: OciFlag, value: string): string {
  if (kind === "boolean") {
    if (TRUE.has(value)) return "true";
    if (FALSE.has(value)) return "false";
    throw invalidRequest(`invalid boolean value ${JSON.stringify(value)} for -${name}`);
  }
  if ((kind === "number" || kind === "numbers") && !/^[+-]?\d+$/.test(value)) {
    throw invalidRequest(`invalid value ${JSON.stringify(value)} for flag -${name}: parse error`);
  }
  return value;
}

/**
 * Reads a command line by the rules of pflag, the parser behind docker's own: `--name value`, `--name=value`,
 * `-n value`, `-nvalue`, `-n=value`, clusters (`-itd`, `-iteA=b`), `--` ends the options, an option that takes a value
 * takes the next word whatever it looks like. Everything that is not declared is an error.
 *
 * yargs-parser, which yargs uses, reads `-eA=b` as the flags -e, -A and so on, and lets unknown flags pass.
 */
import { TsrunError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import {
  type FlagOption,
  type Option,
  type OptionTable,
  type OptionValues,
  parseFlag,
  type ValueOption,
} from "./option-table.ts";

export interface Parsed<Table extends OptionTable> {
  options: OptionValues<Table>;
  positionals: string[];
  /** --help was asked for; nothing after it was looked at. */
  help: boolean;
}

interface Rules {
  /** Options may follow positionals; without it the first positional ends them, as the command of `run` must. */
  interspersed: boolean;
}

/** Parses `argv` by a table; throws TsrunError ERR_TSRUN_USAGE, ERR_TSRUN_OPTION_INVALID, ERR_TSRUN_OPTION_UNSUPPORTED. */
export function parseArguments<Table extends OptionTable>(
  argv: readonly string[],
  table: Table,
  rules: Rules,
): Parsed<Table> {
  const values = defaults(table);
  const positionals: string[] = [];
  let at = 0;
  const next = (): string | undefined => argv[at++];
  const result = (help: boolean): Parsed<Table> => ({
    options: values as OptionValues<Table>,
    positionals,
    help,
  });

  for (let word = next(); word !== undefined; word = next()) {
    if (word === "--") {
      positionals.push(...argv.slice(at));
      break;
    }
    if (word.length < 2 || word[0] !== "-") {
      positionals.push(word);
      if (rules.interspersed) continue;
      positionals.push(...argv.slice(at));
      break;
    }
    const help = word.startsWith("--") ? long(word, table, values, next) : shorts(word, table, values, next);
    if (help) return result(true);
  }
  return result(false);
}

type Values = Record<string, unknown>;
type Next = () => string | undefined;

function defaults(table: OptionTable): Values {
  const values: Values = {};
  for (const name in table) {
    const option = table[name] as Option;
    if (option.kind === "flag") values[name] = option.default;
    else if (option.kind === "list") values[name] = [];
    else if (option.kind === "value") values[name] = undefined;
  }
  return values;
}

/** Handles `--name[=value]`; true where it asks for help. */
function long(word: string, table: OptionTable, values: Values, next: Next): boolean {
  const equals = word.indexOf("=");
  const written = equals === -1 ? word.slice(2) : word.slice(2, equals);
  const attached = equals === -1 ? undefined : word.slice(equals + 1);
  if (written === "" || written.startsWith("-")) throw usage(`bad flag syntax: ${word}`);

  const [name, option] = lookUp(table, written);
  if (option === undefined) {
    if (written === "help") return true;
    throw usage(`unknown flag: --${written}`, suggestion(written, table));
  }
  if (option.kind === "flag") {
    values[name] = attached === undefined || convert(name, option, attached, parseFlag);
    return false;
  }
  const text = attached ?? next();
  if (text === undefined) throw usage(`flag needs an argument: --${written}`);
  store(name, option, text, values);
  return false;
}

/** Handles a cluster of one-letter options; true where it asks for help. */
function shorts(word: string, table: OptionTable, values: Values, next: Next): boolean {
  for (let rest = word.slice(1); rest !== ""; rest = rest.slice(1)) {
    const letter = rest[0] as string;
    const [name, option] = byLetter(table, letter);
    if (option === undefined) {
      if (letter === "h") return true;
      throw usage(`unknown shorthand flag: '${letter}' in -${rest}`);
    }
    const assigned = rest[1] === "=" && rest.length > 2;
    if (option.kind === "flag") {
      values[name] = !assigned || convert(name, option, rest.slice(2), parseFlag);
      if (assigned) return false;
      continue;
    }
    const text = assigned ? rest.slice(2) : rest.slice(1) || next();
    if (text === undefined) throw usage(`flag needs an argument: '${letter}' in -${rest}`);
    store(name, option, text, values);
    return false;
  }
  return false;
}

type TakesValue = Extract<Option, { parse: unknown }>;

/** The canonical name and the row behind a long name; a refused option throws. */
function lookUp(
  table: OptionTable,
  written: string,
): [name: string, option: FlagOption | TakesValue | undefined] {
  const option = Object.hasOwn(table, written) ? table[written] : undefined;
  if (option?.kind === "alias") return lookUp(table, option.of);
  if (option?.kind === "refused") throw unsupported(`--${written}`, option.reason);
  return [written, option];
}

function byLetter(
  table: OptionTable,
  letter: string,
): [name: string, option: FlagOption | TakesValue | undefined] {
  for (const name in table) {
    const option = table[name] as Option;
    if (option.kind !== "alias" && option.short === letter) return lookUp(table, name);
  }
  return [letter, undefined];
}

function store(name: string, option: TakesValue, text: string, values: Values): void {
  const value = convert(name, option, text, option.parse);
  if (option.kind === "list") (values[name] as unknown[]).push(value);
  else values[name] = value;
}

function convert<T>(
  name: string,
  option: FlagOption | ValueOption<T>,
  text: string,
  parse: (text: string) => T,
): T {
  try {
    return parse(text);
  } catch (error) {
    const flags = option.short === undefined ? `--${name}` : `-${option.short}, --${name}`;
    const reason = (error as Error).message;
    const { code, hint } =
      error instanceof TsrunError ? error : { code: "ERR_TSRUN_OPTION_INVALID" as const };
    throw new TsrunError(code, `invalid argument "${text}" for "${flags}" flag: ${reason}`, {
      ...(hint !== undefined && { hint }),
      cause: error,
    });
  }
}

function usage(message: string, hint?: string): TsrunError {
  return new TsrunError("ERR_TSRUN_USAGE", message, hint === undefined ? {} : { hint });
}

function unsupported(flag: string, reason: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `${flag} is not supported: ${reason}`);
}

function suggestion(written: string, table: OptionTable): string | undefined {
  const names = Object.keys(table).filter((name) => table[name]?.kind !== "refused");
  const near = nearest(written, names);
  return near === undefined ? undefined : `did you mean --${near}?`;
}

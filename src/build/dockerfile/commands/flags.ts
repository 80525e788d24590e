/** Flags of instructions: `--link`, `--chown=user:group`, `--exclude=*.o --exclude=*.a`. */
import { didYouMean } from "../suggest.ts";
import { type Line, wrong } from "./line.ts";

/** How a flag is given: at most once with a value, any number of times, or alone, true or false. */
type Kind = "value" | "values" | "boolean";

type Values<Spec extends Record<string, Kind>> = {
  readonly [Name in keyof Spec]: Spec[Name] extends "values"
    ? readonly string[]
    : (Spec[Name] extends "value" ? string : boolean) | undefined;
};

/** The flags of a line, by name; undefined (or []) where one was not given. @throws DockerfileError */
export function readFlags<const Spec extends Record<string, Kind>>(line: Line, spec: Spec): Values<Spec> {
  const values: Record<string, string | string[] | boolean> = {};
  for (const name of Object.keys(spec)) {
    if (spec[name] === "values") values[name] = [];
  }
  for (const { name, value } of line.instruction.flags) {
    const flag = `--${name}`;
    const kind = Object.hasOwn(spec, name) ? spec[name] : undefined;
    if (kind === undefined) {
      throw wrong(line, `unknown flag: ${flag}${didYouMean(name, Object.keys(spec))}`, flag);
    }
    const before = values[name];
    if (Array.isArray(before)) {
      before.push(given(line, flag, value));
      continue;
    }
    if (before !== undefined) throw wrong(line, `duplicate flag specified: ${flag}`, flag);
    values[name] = kind === "boolean" ? readBoolean(line, flag, value) : given(line, flag, value);
  }
  return values as Values<Spec>;
}

function given(line: Line, flag: string, value: string | undefined): string {
  if (value === undefined) throw wrong(line, `missing a value on flag: ${flag}`, flag);
  return value;
}

function readBoolean(line: Line, flag: string, value: string | undefined): boolean {
  switch (value?.toLowerCase()) {
    case undefined:
    case "true":
      return true;
    case "false":
      return false;
    case "":
      throw wrong(line, `missing a value on flag: ${flag}`, flag);
    default:
      throw wrong(line, `expecting boolean value for flag ${flag}, not: ${value}`, flag);
  }
}

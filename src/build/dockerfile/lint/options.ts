/** `# check=skip=RuleA,RuleB;experimental=all;error=true` */
import { parseBool } from "../commands/units.ts";
import { readDirective } from "../directives.ts";
import { EXPERIMENTAL } from "./rules.ts";

type Rules = ReadonlySet<string> | "all";

export interface CheckOptions {
  readonly skip: Rules;
  readonly experimental: Rules;
  /** A warning makes the build fail. */
  readonly error: boolean;
}

export const DEFAULTS: CheckOptions = { skip: new Set(), experimental: new Set(), error: false };

/** Raised for options that are none. */
export class CheckOptionsError extends Error {}

/** Reads the value of a check directive up to its first space. @throws CheckOptionsError */
export function readCheckOptions(value: string): CheckOptions {
  const [text = ""] = value.trim().split(" ");
  let options = DEFAULTS;
  if (text === "") return options;
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    if (equals < 0) throw new CheckOptionsError(`invalid check option ${JSON.stringify(part)}`);
    const name = part.slice(0, equals).trim();
    const given = part.slice(equals + 1).trim();
    if (name === "skip" || name === "experimental") {
      options = { ...options, [name]: readRules(given) };
    } else if (name === "error") {
      const error = parseBool(given);
      if (error === undefined)
        throw new CheckOptionsError(`failed to parse check option ${JSON.stringify(part)}`);
      options = { ...options, error };
    } else {
      throw new CheckOptionsError(`invalid check option ${JSON.stringify(name)}`);
    }
  }
  return options;
}

function readRules(text: string): Rules {
  return text === "all" ? "all" : new Set(text.split(",").map((rule) => rule.trim()));
}

/** The options for one instruction: the first of the comments above it that is a check directive adds to those given. */
export function withComments(options: CheckOptions, comments: readonly string[]): CheckOptions {
  for (const comment of comments) {
    const directive = readDirective(comment);
    if (directive?.name !== "check") continue;
    try {
      const own = readCheckOptions(directive.value);
      return {
        ...options,
        skip: union(options.skip, own.skip),
        experimental: union(options.experimental, own.experimental),
      };
    } catch (error) {
      if (error instanceof CheckOptionsError) return options;
      throw error;
    }
  }
  return options;
}

function union(a: Rules, b: Rules): Rules {
  return a === "all" || b === "all" ? "all" : new Set([...a, ...b]);
}

/** Whether a rule is to be told of. */
export function isOn(rule: string, { skip, experimental }: CheckOptions): boolean {
  return EXPERIMENTAL.has(rule) ? includes(experimental, rule) : !includes(skip, rule);
}

function includes(rules: Rules, rule: string): boolean {
  return rules === "all" || rules.has(rule);
}

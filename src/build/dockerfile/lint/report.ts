/** What the rules report to. */
import type { DockerfileWarning, Range } from "../types.ts";
import { type CheckOptions, isOn, withComments } from "./options.ts";
import { type RuleName, warning } from "./rules.ts";

export interface Report {
  (rule: RuleName, message: string, range: Range): void;
  /** For one instruction, whose comments may skip rules. */
  with(comments: readonly string[]): Report;
}

/** A report that adds to a list what the options leave on. */
export function reportTo(list: DockerfileWarning[], options: CheckOptions): Report {
  const report = (rule: RuleName, message: string, range: Range): void => {
    if (isOn(rule, options)) list.push(warning(rule, message, range));
  };
  return Object.assign(report, {
    with: (comments: readonly string[]) =>
      comments.length === 0 ? reportTo(list, options) : reportTo(list, withComments(options, comments)),
  });
}

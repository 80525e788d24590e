/** What a build and `build --check` say of a Dockerfile, in docker's form. */
import type { BuildCheck } from "../../../build/check.ts";
import { showLines } from "../../../build/dockerfile/error.ts";
import type { DockerfileWarning } from "../../../build/dockerfile/types.ts";
import type { Place } from "../../../build/located.ts";
import { warningLine } from "./steps.ts";

/** After a build; "" where there are none. */
export function warningSummary(warnings: readonly DockerfileWarning[]): string {
  if (warnings.length === 0) return "";
  const count = warnings.length === 1 ? "1 warning found" : `${warnings.length} warnings found`;
  const lines = warnings.map((warning) => ` - ${warningLine(warning)}\n`);
  return `\n ${count} (--check shows where and why):\n${lines.join("")}`;
}

/** "Dockerfile:3" and the lines around it. */
export function placeText({ file, range }: Place): string {
  const lines = showLines(file.text, range);
  return lines === "" ? "" : `${file.name}:${range.start.line}\n${lines}\n`;
}

/** The report of --check. */
export function checkReport({ file, warnings, error }: BuildCheck): string {
  const found = warnings.map((warning) => detail(warning, file)).join("");
  const failure =
    error === undefined ? "" : `\nERROR: ${error.message}\n${placeText({ file, range: error.range })}`;
  if (found === "") return failure === "" ? "Check complete, no warnings found.\n" : failure.slice(1);
  const count = warnings.length === 1 ? "1 warning has" : `${warnings.length} warnings have`;
  return `Check complete, ${count} been found!\n${found}${failure}`;
}

function detail({ rule, url, message, range }: DockerfileWarning, file: Place["file"]): string {
  const link = url === "" ? "" : ` - ${url}`;
  return `\nWARNING: ${rule}${link}\n${message}\n${placeText({ file, range })}`;
}

/** Rules of FROM, and how its names come out. */
import { parseReference } from "../../../image/reference.ts";
import { DockerfileError } from "../error.ts";
import { expandWord } from "../expand/command.ts";
import type { Expanded } from "../expand/word.ts";
import { type Platform, parsePlatform } from "../platform.ts";
import { nearestVariable } from "../suggest.ts";
import type { ParsedDockerfile, Stage } from "../types.ts";
import type { Report } from "./report.ts";

/** Global arguments by value, and the names of those that have none, too. */
export interface GlobalArguments {
  readonly values: ReadonlyMap<string, string>;
  readonly names: ReadonlySet<string>;
}

export interface FromContext {
  readonly globals: GlobalArguments;
  /** What they are without --build-arg. */
  readonly defaults: GlobalArguments;
  readonly token: ParsedDockerfile["escape"];
  readonly host: Platform;
}

const RESERVED = new Set(["context", "scratch"]);

export function checkStageNames(stages: readonly Stage[], report: Report): void {
  const names = new Set<string>();
  for (const { name, range } of stages) {
    if (name === undefined) continue;
    if (RESERVED.has(name)) {
      report(
        "ReservedStageName",
        `Stage name should not use the same name as reserved stage "${name}"`,
        range,
      );
    }
    if (names.has(name)) {
      report("DuplicateStageName", `Duplicate stage name "${name}", stage names should be unique`, range);
    }
    names.add(name);
  }
}

/** Without --build-arg there has to be an image, too. */
export function checkDefaultBase(
  { base, range }: Stage,
  { defaults, token }: FromContext,
  report: Report,
): void {
  const { text } = expandWord(base, (name) => defaults.values.get(name), token, range);
  if (isReference(text)) return;
  report(
    "InvalidDefaultArgInFrom",
    `Default value for ARG ${base} results in empty or invalid base image name`,
    range,
  );
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

/** The base's name and the platform with their variables replaced. @throws DockerfileError where one is empty */
export function resolveFrom(
  stage: Stage,
  context: FromContext,
  report: Report,
): { base: string; platform: Platform | undefined } {
  const { globals, token } = context;
  const expanded = (text: string): Expanded => {
    const result = expandWord(text, (name) => globals.values.get(name), token, stage.range);
    reportUndeclared(result.unmatched, stage, globals, report);
    return result;
  };
  const { text: base } = expanded(stage.base);
  if (base === "") throw new DockerfileError(`base name (${stage.base}) should not be blank`, stage.range);
  if (stage.platform === undefined) return { base, platform: undefined };

  const platform = expanded(stage.platform);
  reportPlatform(stage, { expanded: platform, context }, report);
  const parsed = platform.text === "" ? undefined : parsePlatform(platform.text, context.host);
  if (parsed !== undefined) return { base, platform: parsed };
  const meant = [...platform.unmatched]
    .map((name) => nearestVariable(name, globals.values.keys()))
    .find(Boolean);
  const suggestion = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  const problem =
    platform.text === ""
      ? `empty platform value from expression ${stage.platform}`
      : `failed to parse platform ${stage.platform}`;
  throw new DockerfileError(problem + suggestion, stage.range);
}

function reportUndeclared(
  unmatched: ReadonlySet<string>,
  { range }: Stage,
  { values, names }: GlobalArguments,
  report: Report,
): void {
  for (const name of unmatched) {
    if (names.has(name) || values.has(name)) continue;
    const meant = nearestVariable(name, new Set([...names, ...values.keys()]));
    const suggestion = meant === undefined ? "" : ` (did you mean ${meant}?)`;
    report("UndefinedArgInFrom", `FROM argument '${name}' is not declared${suggestion}`, range);
  }
}

function reportPlatform(
  { name = "", platform = "", range }: Stage,
  { expanded, context }: { expanded: Expanded; context: FromContext },
  report: Report,
): void {
  const { text, used, unmatched } = expanded;
  if (unmatched.size > 0) return;
  if (
    used.size === 1 &&
    used.has("TARGETPLATFORM") &&
    text === context.globals.values.get("TARGETPLATFORM")
  ) {
    report(
      "RedundantTargetPlatform",
      `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
      range,
    );
  }
  if (used.size > 0) return;
  const parsed = parsePlatform(text, context.host);
  // A stage that is named after its platform is for that one alone.
  if (parsed === undefined || name.includes(parsed.os) || name.includes(parsed.architecture)) return;
  report(
    "FromPlatformFlagConstDisallowed",
    `FROM --platform flag should not use constant value "${text}"`,
    range,
  );
}

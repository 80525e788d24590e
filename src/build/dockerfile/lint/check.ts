/** `build --check`: Docker's rules over a whole Dockerfile. */
import { readDockerfile } from "../dockerfile.ts";
import { DockerfileError, inFile, onLine } from "../error.ts";
import type { IgnoreMatcher } from "../ignore.ts";
import { parseDockerfile } from "../parse.ts";
import { type Platform, parsePlatform } from "../platform.ts";
import type { Dockerfile, DockerfileWarning, ParsedDockerfile, Stage } from "../types.ts";
import { type CommandContext, checkCommand, type StageState } from "./commands.ts";
import { checkDefaultBase, checkStageNames, type FromContext, resolveFrom } from "./from.ts";
import { checkCasing, checkInstruction } from "./instructions.ts";
import { type CheckOptions, CheckOptionsError, readCheckOptions } from "./options.ts";
import { neededStages } from "./reachable.ts";
import { type Report, reportTo } from "./report.ts";
import { type BuildArgs, globalArguments, predefined } from "./scope.ts";

/** What the checks use of a base image. */
export interface BaseImage {
  /** NAME=value */
  readonly environment: readonly string[];
  /** It has a SHELL of its own. */
  readonly shell: boolean;
  readonly platform?: string;
}

export interface CheckContext {
  readonly buildArgs?: BuildArgs;
  /** A stage's name or number: the commands of those that it does not need are not looked at. Default: all are. */
  readonly target?: string;
  /** os/arch[/variant]; default: linux and this machine's. */
  readonly platform?: string;
  readonly buildPlatform?: string;
  /** Without it nothing is said of variables that a base image may define. */
  readonly baseImage?: (reference: string) => BaseImage | undefined;
  /** Of the context, where its .dockerignore is known. */
  readonly ignore?: IgnoreMatcher;
}

/** The variable and build argument that replaces `# check=`. */
const OVERRIDE = "BUILDKIT_DOCKERFILE_CHECK";

/**
 * The warnings about a Dockerfile that was read, by line.
 *
 * @throws DockerfileError what a build would fail with before its first step
 */
export function checkDockerfile(dockerfile: Dockerfile, context: CheckContext = {}): DockerfileWarning[] {
  const warnings: DockerfileWarning[] = [];
  inFile(dockerfile.parsed.name, () => {
    const report = reportTo(warnings, optionsOf(dockerfile.parsed, context.buildArgs));
    checkWritten(dockerfile.parsed, report);
    checkStages(dockerfile, context, report);
  });
  return warnings.sort(byLine);
}

export interface CheckResult {
  readonly warnings: readonly DockerfileWarning[];
  /** What makes it no Dockerfile; the warnings are those that were found before. */
  readonly error?: DockerfileError;
}

/** The same for a text, whatever is wrong with it. */
export function checkText(text: string, name = "Dockerfile", context: CheckContext = {}): CheckResult {
  const warnings: DockerfileWarning[] = [];
  try {
    inFile(name, () => {
      const parsed = parseDockerfile(text, name);
      const report = reportTo(warnings, optionsOf(parsed, context.buildArgs));
      const dockerfile = readable(text, name);
      const end =
        dockerfile instanceof DockerfileError ? dockerfile.range.start.line : Number.POSITIVE_INFINITY;
      checkWritten(parsed, report, end);
      if (dockerfile instanceof DockerfileError) throw dockerfile;
      checkStages(dockerfile, context, report);
    });
    return { warnings: warnings.sort(byLine) };
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return { warnings: warnings.sort(byLine), error };
  }
}

function readable(text: string, name: string): Dockerfile | DockerfileError {
  try {
    return readDockerfile(text, name);
  } catch (error) {
    if (error instanceof DockerfileError) return error;
    throw error;
  }
}

/** What a build with warnings fails with, where `# check=error=true` wants it so; undefined otherwise. */
export function checkFailure(
  warnings: readonly DockerfileWarning[],
  parsed: ParsedDockerfile,
  buildArgs: BuildArgs = {},
): string | undefined {
  if (warnings.length === 0 || !optionsOf(parsed, buildArgs).error) return undefined;
  const rules = [...new Set(warnings.map(({ rule }) => rule))];
  return `lint violation found for rules: ${rules.join(", ")}`;
}

function byLine(a: DockerfileWarning, b: DockerfileWarning): number {
  return a.range.start.line - b.range.start.line;
}

/** @throws DockerfileError */
function optionsOf({ directives, text }: ParsedDockerfile, buildArgs: BuildArgs = {}): CheckOptions {
  try {
    return readCheckOptions(buildArgs[OVERRIDE] ?? directives.check ?? "");
  } catch (error) {
    if (!(error instanceof CheckOptionsError)) throw error;
    const line = text.split("\n").findIndex((each) => /^\s*#\s*check\s*=/i.test(each));
    throw new DockerfileError(
      `failed to parse check options: ${error.message}`,
      onLine(Math.max(line + 1, 1)),
    );
  }
}

/** The rules that look at the instructions as they are written, up to a line. */
function checkWritten(parsed: ParsedDockerfile, report: Report, end = Number.POSITIVE_INFINITY): void {
  for (const { range, message } of parsed.warnings) report("NoEmptyContinuation", message, range);
  for (const instruction of parsed.instructions) {
    if (instruction.range.start.line >= end) break;
    checkInstruction(instruction, report.with(instruction.comments));
  }
}

function checkStages(dockerfile: Dockerfile, context: CheckContext, report: Report): void {
  const { parsed, stages } = dockerfile;
  checkStageNames(stages, report);
  checkCasing(parsed.instructions, report);

  const from = fromContext(dockerfile, context);
  for (const stage of stages) checkDefaultBase(stage, from, report);
  const comments = commentsOf(parsed);
  const bases = stages.map((stage) => resolveFrom(stage, from, report.with(comments(stage))));
  const needed = neededStages(
    stages,
    bases.map(({ base }) => base),
    context.target,
  );

  const commands: CommandContext = {
    globals: from.globals.values,
    given: context.buildArgs ?? {},
    ignore: context.ignore,
    token: parsed.escape,
  };
  const states = new Map<string, StageState>();
  for (const [index, stage] of stages.entries()) {
    const { base, platform } = bases[index] as (typeof bases)[number];
    const inherited = states.get(base);
    const state = inherited === undefined ? startOf(base, context) : copyOf(inherited);
    const own = needed.has(index);
    if (inherited === undefined && own)
      checkBasePlatform(stage, { base, platform }, { context, from, report });
    const once = new Map();
    for (const command of own ? stage.commands : []) {
      checkCommand(command, { state, once, context: commands, report: report.with(comments(command)) });
    }
    if (stage.name !== undefined) states.set(stage.name, state);
  }
}

/** The comments above what stands at a place. */
function commentsOf(parsed: ParsedDockerfile): (at: Pick<Stage, "range">) => readonly string[] {
  const byStart = new Map(parsed.instructions.map(({ range, comments }) => [range.start.line, comments]));
  return ({ range }) => byStart.get(range.start.line) ?? [];
}

function fromContext({ parsed, globals, stages }: Dockerfile, context: CheckContext): FromContext {
  const given = context.buildArgs ?? {};
  const host = hostPlatform();
  const build = parsePlatform(context.buildPlatform ?? "linux", host) ?? host;
  const target = parsePlatform(context.platform ?? "linux", host) ?? host;
  const stage = context.target ?? stages.at(-1)?.name ?? "default";
  const variables = predefined({ build, target, stage }, given);
  return {
    globals: globalArguments(globals, { predefined: variables, given, token: parsed.escape }),
    defaults: globalArguments(globals, { predefined: variables, given: {}, token: parsed.escape }),
    token: parsed.escape,
    host,
  };
}

function hostPlatform(): Platform {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return { os: "linux", architecture: names[process.arch] ?? process.arch, variant: "" };
}

/** The state at the start of a stage that does not begin with another one. */
function startOf(base: string, { baseImage }: CheckContext): StageState {
  const image = base === "scratch" ? { environment: [], shell: false } : baseImage?.(base);
  const variables = new Map([["PATH", ""]]);
  for (const each of image?.environment ?? []) {
    const [name = "", ...value] = each.split("=");
    variables.set(name, value.join("="));
  }
  return {
    variables,
    declared: new Set(),
    complete: image !== undefined,
    workdir: false,
    shell: image?.shell ?? false,
  };
}

function copyOf(state: StageState): StageState {
  return { ...state, variables: new Map(state.variables), declared: new Set(state.declared) };
}

function checkBasePlatform(
  { base: written, range }: Stage,
  { base, platform }: { base: string; platform: Platform | undefined },
  { context, from, report }: { context: CheckContext; from: FromContext; report: Report },
): void {
  const text = base === "scratch" ? undefined : context.baseImage?.(base)?.platform;
  const actual = text === undefined ? undefined : parsePlatform(text, from.host);
  const expected = platform ?? parsePlatform(from.globals.values.get("TARGETPLATFORM") ?? "", from.host);
  if (actual === undefined || expected === undefined) return;
  if (actual.os === expected.os && actual.architecture === expected.architecture) return;
  const name = ({ os, architecture, variant }: Platform): string =>
    JSON.stringify([os, architecture, variant].filter((part) => part !== "").join("/"));
  report(
    "InvalidBaseImagePlatform",
    `Base image ${written} was pulled with platform ${name(actual)}, expected ${name(expected)} for current build`,
    range,
  );
}

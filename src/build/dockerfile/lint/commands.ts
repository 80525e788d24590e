/** Rules of the commands of a stage, in their order: what is defined, and what was set before. */
import { posix } from "node:path";
import { writtenKeyword } from "../commands/line.ts";
import { readPorts } from "../commands/ports.ts";
import { expandCommand, expandWord } from "../expand/command.ts";
import type { IgnoreMatcher } from "../ignore.ts";
import { nearestVariable } from "../suggest.ts";
import type {
  AddCommand,
  ArgCommand,
  Command,
  CopyCommand,
  ExposeCommand,
  ParsedDockerfile,
  Range,
} from "../types.ts";
import type { Report } from "./report.ts";
import type { BuildArgs } from "./scope.ts";

/** What a stage hands on to those that begin FROM it. */
export interface StageState {
  readonly variables: Map<string, string>;
  /** ARGs, with and without a value. */
  readonly declared: Set<string>;
  /** False where the variables of the base image are not known. */
  readonly complete: boolean;
  /** A WORKDIR was there, a SHELL was set. */
  workdir: boolean;
  shell: boolean;
}

export interface CommandContext {
  readonly globals: ReadonlyMap<string, string>;
  readonly given: BuildArgs;
  readonly ignore: IgnoreMatcher | undefined;
  readonly token: ParsedDockerfile["escape"];
}

/** The place of the one CMD, ENTRYPOINT and HEALTHCHECK that a stage can have. */
export type Once = Map<string, Range>;

/** Checks one command, and does to the state what it does. @throws DockerfileError what cannot be expanded */
export function checkCommand(
  written: Command,
  {
    state,
    once,
    context,
    report,
  }: { state: StageState; once: Once; context: CommandContext; report: Report },
): void {
  if (written.keyword === "ARG") checkArg(written, { state, context, report });
  else if (written.keyword === "EXPOSE") checkExpose(written, { state, context, report });
  else checkExpanded(written, { state, once, context, report });
}

function checkExpanded(
  written: Exclude<Command, ArgCommand | ExposeCommand>,
  { state, once, context, report }: Place & { once: Once },
): void {
  const lookup = (name: string): string | undefined => state.variables.get(name);
  const { command, unmatched } = expandCommand(written, lookup, context.token);
  reportUndefined(unmatched, { state, range: command.range, report });
  switch (command.keyword) {
    case "ENV":
      if (command.legacy) reportLegacy(command, report);
      for (const { key, value } of command.pairs) {
        reportSecret("ENV", key, command.range, report);
        state.variables.set(key, value);
      }
      return;
    case "LABEL":
      if (command.legacy) reportLegacy(command, report);
      return;
    case "WORKDIR":
      if (!state.workdir && !command.path.startsWith("/")) {
        const path = JSON.stringify(command.path);
        report(
          "WorkdirRelativePath",
          `Relative workdir ${path} can have unexpected results if the base image changes`,
          command.range,
        );
      }
      state.workdir = true;
      return;
    case "SHELL":
      state.shell = true;
      return;
    case "COPY":
      if (command.from === undefined) checkSources(command, context.ignore, report);
      return;
    case "ADD":
      checkSources(command, context.ignore, report);
      return;
    case "CMD":
    case "ENTRYPOINT":
      if (command.command.form === "shell" && !state.shell) {
        report(
          "JSONArgsRecommended",
          `JSON arguments recommended for ${writtenKeyword(command)} to prevent unintended behavior related to OS signals`,
          command.range,
        );
      }
      checkOnce(command, once, report);
      return;
    case "HEALTHCHECK":
      checkOnce(command, once, report);
  }
}

/** Of several only the last one counts: the one before is told. */
function checkOnce(command: Command, once: Once, report: Report): void {
  const before = once.get(command.keyword);
  if (before !== undefined) {
    report(
      "MultipleInstructionsDisallowed",
      `Multiple ${writtenKeyword(command)} instructions should not be used in the same stage because only the last one will be used`,
      before,
    );
  }
  once.set(command.keyword, command.range);
}

interface Place {
  readonly state: StageState;
  readonly context: CommandContext;
  readonly report: Report;
}

function checkArg({ pairs, range }: ArgCommand, { state, context, report }: Place): void {
  for (const { key, value } of pairs) {
    reportSecret("ARG", key, range, report);
    let own = context.given[key];
    if (own === undefined && value !== undefined) {
      const expanded = expandWord(value, (name) => state.variables.get(name), context.token, range);
      reportUndefined(expanded.unmatched, { state, range, report });
      own = expanded.text;
    }
    own ??= context.globals.get(key);
    if (own !== undefined) state.variables.set(key, own);
    state.declared.add(key);
  }
}

function checkExpose(command: ExposeCommand, { state, context, report }: Place): void {
  const { range } = command;
  const lookup = (name: string): string | undefined => state.variables.get(name);
  // For its errors, which know the line.
  expandCommand(command, lookup, context.token);
  for (const port of command.ports.flatMap((text) => expandWord(text, lookup, context.token, range).words)) {
    const { protocol, published } = readPorts(port);
    if (protocol !== protocol.toLowerCase()) {
      report(
        "ExposeProtoCasing",
        `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
        range,
      );
    }
    if (published) {
      report(
        "ExposeInvalidFormat",
        `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
        range,
      );
    }
  }
}

function reportUndefined(
  unmatched: ReadonlySet<string>,
  { state, range, report }: { state: StageState; range: Range; report: Report },
): void {
  if (!state.complete) return;
  for (const name of unmatched) {
    if (state.declared.has(name)) continue;
    const meant = nearestVariable(name, state.variables.keys());
    const suggestion = meant === undefined ? "" : ` (did you mean $${meant}?)`;
    report("UndefinedVar", `Usage of undefined variable '$${name}'${suggestion}`, range);
  }
}

function reportLegacy(command: Command, report: Report): void {
  const name = writtenKeyword(command);
  report(
    "LegacyKeyValueFormat",
    `"${name} key=value" should be used instead of legacy "${name} key value" format`,
    command.range,
  );
}

const SECRET = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function reportSecret(keyword: "ARG" | "ENV", name: string, range: Range, report: Report): void {
  if (!SECRET.test(name) || HARMLESS.test(name)) return;
  report(
    "SecretsUsedInArgOrEnv",
    `Do not use ARG or ENV instructions for sensitive data (${keyword} ${JSON.stringify(name)})`,
    range,
  );
}

/** Sources of the context that .dockerignore leaves out; with exceptions in it nothing can be told. */
function checkSources(
  command: CopyCommand | AddCommand,
  ignore: IgnoreMatcher | undefined,
  report: Report,
): void {
  if (ignore === undefined || ignore.exceptions) return;
  for (const source of command.sources.paths) {
    if (command.keyword === "ADD" && /^(https?|git|ssh):\/\/|^git@/.test(source)) continue;
    const path = posix.normalize(source).replace(/(?<=.)\/$/, "");
    const whole = path === "." || path === "/";
    if (whole ? !ignore.everything : !ignore.ignores(path.replace(/^\//, ""), false)) continue;
    const verb = command.keyword === "ADD" ? "Add" : "Copy";
    report(
      "CopyIgnoredFile",
      `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`,
      command.range,
    );
  }
}

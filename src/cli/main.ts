/** From the words of the command line to an exit code: finds the command, reads its options, runs it, says what failed. */
import { TsrunError } from "../errors.ts";
import type { Command } from "./command.ts";
import { createContext } from "./context.ts";
import { globalOptions } from "./global-options.ts";
import { nearest } from "./nearest.ts";
import { parseArguments } from "./parse.ts";
import { commands, type Group, groups, type Loader } from "./registry.ts";
import { renderError } from "./render/errors.ts";
import { version } from "./version.ts";
import { isBrokenPipe, STDERR, STDOUT, writeText } from "./write.ts";

/** What the shell reports of a program that SIGPIPE ended. */
const EXIT_BROKEN_PIPE = 141;
const EXIT_USAGE = 1;
const EXIT_FLAGS = 125;

/** Runs a command line (without node and script) and returns the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const state: State = { debug: false, program: "tsrun", command: undefined };
  try {
    return await dispatch(argv, state);
  } catch (error) {
    return fail(error, state);
  }
}

/** What is known so far, for the message if something fails. */
interface State {
  debug: boolean;
  program: string;
  command: Command | undefined;
}

async function dispatch(argv: readonly string[], state: State): Promise<number> {
  const { options, positionals, help } = parseArguments(argv, globalOptions, { interspersed: false });
  state.debug = options.debug;
  if (options.version) return print(`tsrun version ${version()}\n`);
  const [word, ...rest] = positionals;
  if (word === undefined || help) return await showHelp([]);
  if (word === "help") return await showHelp(rest);

  const found = find([word, ...rest]);
  state.program = `tsrun ${found.path.join(" ")}`;
  if (found.group !== undefined) return await showHelp(found.path, found.rest);

  const command = (await found.load()).default;
  state.command = command;
  const parsed = command.raw
    ? { options: {}, positionals: found.rest, help: false }
    : parseArguments(found.rest, command.options, command);
  if (parsed.help) return await showHelp(found.path);
  checkCount(parsed.positionals.length, command, state.program);

  const context = createContext(options, state.program, (error) => {
    writeText(STDERR, renderError(error, { debug: state.debug, program: state.program, usage: undefined }));
  });
  // Not the arguments: they may hold a password.
  void context.log("debug", "command", { program: state.program, version: version() });
  return await command.run(parsed, context);
}

type Found = { path: string[]; rest: string[] } & (
  | { load: Loader; group?: never }
  | { group: Group; load?: never }
);

/** The command or group that the words begin with. */
export function find(words: readonly string[]): Found {
  const [first = "", second, ...rest] = words;
  const load = Object.hasOwn(commands, first) ? commands[first] : undefined;
  if (load !== undefined) return { path: [first], rest: words.slice(1), load };
  const group = Object.hasOwn(groups, first) ? groups[first] : undefined;
  if (group === undefined) throw unknown([first], [...Object.keys(commands), ...Object.keys(groups)]);
  if (second === undefined || second.startsWith("-")) return { path: [first], rest: words.slice(1), group };
  const member = group.commands[group.aliases[second] ?? second];
  if (member === undefined) throw unknown([first, second], Object.keys(group.commands));
  return { path: [first, second], rest, load: member };
}

function unknown(path: string[], candidates: readonly string[]): TsrunError {
  const near = nearest(path.at(-1) as string, candidates);
  const prefix = ["tsrun", ...path.slice(0, -1)].join(" ");
  const hint =
    instead(path.join(" ")) ??
    (near === undefined ? `\`${prefix} --help\` lists the commands` : `did you mean \`${prefix} ${near}\`?`);
  return new TsrunError("ERR_TSRUN_COMMAND_UNKNOWN", `unknown command: tsrun ${path.join(" ")}`, {
    hint,
    exitCode: EXIT_USAGE,
  });
}

/** What to do where docker's command of that name is what tsrun has not. */
function instead(written: string): string | undefined {
  switch (written) {
    case "compose":
      return "there is no compose: a script of `tsrun run`, `tsrun network create` and `tsrun volume create` does the same";
    case "buildx":
      return "`tsrun build` knows buildx's options: there is one builder";
    case "context":
      return "there is no daemon to choose: --root and --run-root say where containers are";
    case "swarm":
    case "service":
    case "stack":
    case "node":
      return "tsrun has no orchestrator: docs/engines.md tells how Swarm and Kubernetes run their containers with it";
    default:
      return undefined;
  }
}

function checkCount(count: number, command: Command, program: string): void {
  const { min, max } = command.arguments;
  if (count >= min && count <= max) return;
  const many = (number: number) => `${number} argument${number === 1 ? "" : "s"}`;
  const wanted =
    max === 0
      ? "accepts no arguments"
      : min === max
        ? `requires ${many(min)}`
        : count < min
          ? `requires at least ${many(min)}`
          : `requires at most ${many(max)}`;
  throw new TsrunError("ERR_TSRUN_USAGE", `'${program}' ${wanted}`, { exitCode: EXIT_USAGE });
}

async function showHelp(path: readonly string[], rest: readonly string[] = []): Promise<number> {
  const [flag] = rest;
  if (flag !== undefined && flag !== "--help" && flag !== "-h") {
    throw new TsrunError("ERR_TSRUN_USAGE", `unknown flag: ${flag}`);
  }
  const { helpText } = await import("./help.ts");
  return print(await helpText(path));
}

function print(text: string): number {
  writeText(STDOUT, text);
  return 0;
}

function fail(error: unknown, state: State): number {
  if (isBrokenPipe(error)) return EXIT_BROKEN_PIPE;
  const usage = state.command === undefined ? undefined : `${state.program} ${state.command.usage}`;
  writeText(STDERR, renderError(error, { debug: state.debug, program: state.program, usage }));
  return exitCode(error, state.command);
}

/** 125 where flags are wrong; else what the error says, of which 125 means "in the usual way of this command". */
function exitCode(error: unknown, command: Command | undefined): number {
  if (!(error instanceof TsrunError)) return EXIT_FLAGS;
  if (error.exitCode !== 125 || isAboutFlags(error)) return error.exitCode;
  return command?.failureCode ?? EXIT_USAGE;
}

const isAboutFlags = (error: TsrunError): boolean =>
  ["ERR_TSRUN_USAGE", "ERR_TSRUN_OPTION_INVALID", "ERR_TSRUN_OPTION_UNSUPPORTED"].includes(error.code);

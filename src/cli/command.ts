/** What a command is: a declaration that the parser, the help and the dispatcher read, and what it does. */
import type { Config } from "../config.ts";
import type { EngineApi } from "../engine/api.ts";
import type { Paths } from "../store/paths.ts";
import type { LogLevel } from "./log.ts";
import type { OptionTable, OptionValues } from "./option-table.ts";
import type { Terminal } from "./terminal.ts";

export interface Command<Table extends OptionTable = OptionTable> {
  /** One line for lists of commands. */
  summary: string;
  /** tsrun calls it itself: in no list of commands. */
  hidden?: boolean;
  /** What follows the command's name in its usage line: "[OPTIONS] IMAGE [COMMAND] [ARG...]". */
  usage: string;
  /** Every form it can be called by: "container run", "run". */
  forms: readonly string[];
  /** Command lines that work as typed, each with an optional "  # comment", for the end of its help. */
  examples?: readonly string[];
  /** How many positionals it takes. */
  arguments: { min: number; max: number };
  /** Options may stand after positionals; false where what follows is another program's command line. */
  interspersed: boolean;
  /** Every word after the command's name is a positional: another parser reads them, --help included. */
  raw?: boolean;
  /** Exit code where the engine fails, if not 1: docker's run says 125, as every other code may be the container's. */
  failureCode?: number;
  options: Table;
  /** Does it and returns the exit code. */
  run(args: Arguments<Table>, context: Context): Promise<number>;
}

export interface Arguments<Table extends OptionTable> {
  options: OptionValues<Table>;
  positionals: string[];
}

/** Declares a command, so that the type of its options follows from its table. */
export function command<const Table extends OptionTable>(spec: Command<Table>): Command<Table> {
  return spec;
}

/** What a command has to work with: everything outside of it, so that tests can replace it. */
export interface Context {
  /** "tsrun run", for messages. */
  program: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Loaded at the first call. */
  config(): Config;
  paths(): Paths;
  engine(): Promise<EngineApi>;
  out(text: string): void;
  err(text: string): void;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): Promise<void>;
  terminal: Terminal;
  /** Reports an error of one of several arguments, and goes on. */
  report(error: unknown): void;
  now(): number;
}

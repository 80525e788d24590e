/** From the words of an OCI runtime's command line, which are runc's, to an exit code. */
import { TsrunError } from "../../errors.ts";
import { invalidRequest } from "../../oci/errors.ts";
import { onDebug, onWarning } from "../../oci/warnings.ts";
import { STDOUT, writeText } from "../write.ts";
import type { OciCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { globalFlags, readGlobals } from "./globals.ts";
import { reportError, reportPlainly, writeLog } from "./log.ts";
import { parseFlags } from "./parse.ts";

const EXIT_FAILURE = 1;

/** Runs a command line (without node and script) and returns the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  onWarning((message) => writeLog("warning", message));
  onDebug((message) => writeLog("debug", message));
  try {
    return await dispatch(argv);
  } catch (error) {
    const message = messageOf(error);
    // The program's own failure, which is said by the process itself where it was started later.
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_OCI_EXECVE") reportPlainly(message);
    else reportError(message);
    return error instanceof TsrunError && error.exitCode !== 125 ? error.exitCode : EXIT_FAILURE;
  }
}

/** In one line, which is all that engines pass on: what was wrong, and what to do where that is known. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof TsrunError && error.hint ? `${error.message}; ${error.hint}` : error.message;
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const { flags, words, help } = parseFlags(argv, globalFlags, { stopAtFirst: true });
  if (flags.boolean("version")) return await print(async () => (await import("./version.ts")).versionText());
  const globals = readGlobals(flags);
  const [name, ...rest] = words;
  if (help || name === undefined) return await print(generalHelp);
  if (name === "help")
    return await print(rest[0] === undefined ? generalHelp : () => helpOf(rest[0] as string));
  const command = await load(name);
  const parsed = parseFlags(rest, command.flags, command);
  if (parsed.help) return await print(() => helpOf(name));
  await checkCount(command, parsed.words.length);
  return await command.run({ words: parsed.words, flags: parsed.flags, globals });
}

async function load(name: string): Promise<OciCommand> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return (await load()).default;
  throw invalidRequest(`No help topic for '${name}'`);
}

async function checkCount(command: OciCommand, count: number): Promise<void> {
  const { min, max } = command.count;
  if (count >= min && count <= max) return;
  const wanted = min === max ? `exactly ${min}` : count < min ? `a minimum of ${min}` : `a maximum of ${max}`;
  await print(async () => `Incorrect Usage.\n\n${await helpOf(command.name)}`);
  throw invalidRequest(`tsrun-oci: "${command.name}" requires ${wanted} argument(s)`);
}

async function generalHelp(): Promise<string> {
  return (await import("./help.ts")).generalHelp();
}

async function helpOf(name: string): Promise<string> {
  return (await import("./help.ts")).commandHelp(await load(name));
}

async function print(text: () => Promise<string>): Promise<number> {
  writeText(STDOUT, await text());
  return 0;
}

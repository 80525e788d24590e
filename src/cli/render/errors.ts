/** What the user sees of an error: the message, what to do, and with --debug how it came about. No stack otherwise. */
import { TsrunError } from "../../errors.ts";

export interface ErrorContext {
  debug: boolean;
  /** "tsrun run". */
  program: string;
  /** The usage line of the command, for mistakes in how it was called. */
  usage: string | undefined;
}

/** The text for stderr, ending in a newline. */
export function renderError(error: unknown, context: ErrorContext): string {
  const lines = error instanceof TsrunError ? known(error, context) : unknown(error, context);
  if (context.debug) lines.push(...causes(error));
  return `${lines.join("\n")}\n`;
}

function known(error: TsrunError, context: ErrorContext): string[] {
  const lines = [`tsrun: ${error.message}`];
  if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
  if (error.code !== "ERR_TSRUN_USAGE" && error.code !== "ERR_TSRUN_OPTION_INVALID") return lines;
  if (error.code === "ERR_TSRUN_USAGE" && context.usage !== undefined)
    lines.push("", `Usage:  ${context.usage}`);
  lines.push("", `Run '${context.program} --help' for more information`);
  return lines;
}

function unknown(error: unknown, context: ErrorContext): string[] {
  const { message, code } = asError(error);
  if ((code === "EACCES" || code === "EPERM") && process.geteuid?.() !== 0) {
    return [`tsrun: ${message}`, "hint: containers need root on this host: try again with sudo"];
  }
  if (code === "ENOSPC" || code === "EDQUOT")
    return [`tsrun: ${message}`, "hint: the disk is full: `tsrun system df` shows what tsrun takes of it"];
  const lines = [`tsrun: internal error: ${message}`];
  if (!context.debug) lines.push("hint: `tsrun --debug …` shows where it comes from; please report it");
  return lines;
}

function causes(error: unknown): string[] {
  const lines: string[] = [];
  for (let cause: unknown = error, depth = 0; cause !== undefined && depth < 10; depth++) {
    const { stack, message, code } = asError(cause);
    lines.push(
      "",
      `${depth === 0 ? "" : "caused by "}${code === undefined ? "" : `[${code}] `}${stack ?? message}`,
    );
    cause = (cause as { cause?: unknown }).cause;
  }
  return lines;
}

function asError(error: unknown): { message: string; stack?: string; code?: string } {
  return error instanceof Error ? error : { message: String(error) };
}

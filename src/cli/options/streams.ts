/** Which of the three streams a client attaches to, and how it lets go. */
import type { StartOptions } from "../../engine/api.ts";
import { TsrunError } from "../../errors.ts";
import { parseDetachKeys } from "../detach-keys.ts";

type Stream = "stdin" | "stdout" | "stderr";

/** `-a`. */
export function parseStream(text: string): Stream {
  const stream = text.toLowerCase();
  if (stream === "stdin" || stream === "stdout" || stream === "stderr") return stream;
  throw new Error("valid streams are STDIN, STDOUT and STDERR");
}

/** What to attach: what -a names, else the output, and with -i the input; nothing (undefined) with -d. */
export function attachments(options: {
  attach: Stream[];
  detach: boolean;
  interactive: boolean;
}): NonNullable<StartOptions["attach"]> | undefined {
  const { attach, detach, interactive } = options;
  if (detach && attach.length > 0) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      "conflicting options: cannot specify both --attach and --detach",
    );
  }
  if (detach) return undefined;
  if (attach.length === 0) return { stdin: interactive, stdout: true, stderr: true };
  const wanted = new Set(attach);
  return {
    stdin: interactive || wanted.has("stdin"),
    stdout: wanted.has("stdout"),
    stderr: wanted.has("stderr"),
  };
}

/** `--detach-keys`, checked and kept as written. */
export function checkDetachKeys(text: string): string {
  parseDetachKeys(text);
  return text;
}

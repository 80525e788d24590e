/** The first line of a script, as the kernel reads it (execve(2), "Interpreter scripts"). */

/** The kernel looks no further (BINPRM_BUF_SIZE, Linux 5.1; 128 before). */
export const SHEBANG_BYTES = 256;

export interface Shebang {
  /** Path of the interpreter, "" where the line names none; a carriage return at its end is left out. */
  interpreter: string;
  /** The rest of the line, which the kernel passes as one argument. */
  argument: string | undefined;
  /** The line ends as on Windows, and the kernel takes the carriage return for a part of the interpreter's name. */
  carriageReturn: boolean;
}

/** Parses the beginning of a file; undefined where it does not start with "#!". */
export function parseShebang(head: Buffer): Shebang | undefined {
  const text = head.toString("latin1", 0, SHEBANG_BYTES);
  if (!text.startsWith("#!")) return undefined;
  const [line = ""] = text.slice(2).split(/[\n\0]/);
  const [, word = "", rest = ""] = /^[ \t]*([^ \t]*)[ \t]*(.*)$/s.exec(line) ?? [];
  const carriageReturn = word.endsWith("\r");
  return {
    interpreter: Buffer.from(carriageReturn ? word.slice(0, -1) : word, "latin1").toString("utf8"),
    argument: rest.trimEnd() || undefined,
    carriageReturn,
  };
}

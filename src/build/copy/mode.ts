/** --chmod: octal, or the symbolic modes of chmod(1). */
import { TsrunError } from "../../errors.ts";

/** The mode that a file gets, of the one that it has. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

/** Throws ERR_TSRUN_DOCKERFILE_INVALID. */
export function readMode(text: string): ModeChange {
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return () => Number.parseInt(text, 8);
  if (/^\d/.test(text)) {
    throw invalid(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  }
  const clauses = text.split(",").map(readClause);
  return (mode, isDirectory) => clauses.reduce((result, clause) => clause(result, isDirectory), mode);
}

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007 };

function readClause(text: string): ModeChange {
  const [, who = "", rest = ""] = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(text) ?? [];
  if (rest === "") throw invalid(`invalid chmod parameter: '${text}'`);
  const mask =
    who === "" || who.includes("a") ? 0o7777 : [...who].reduce((all, each) => all | (WHO[each] ?? 0), 0);
  const actions = [...rest.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)];
  return (mode, isDirectory) =>
    actions.reduce((result, [, operator, what = ""]) => {
      const bits = permissions(what, result, isDirectory) & mask;
      if (operator === "+") return result | bits;
      // "=" leaves a directory's setuid and setgid alone, as chmod(1) does.
      const kept = isDirectory ? 0o6000 : 0;
      return operator === "-" ? result & ~bits : (result & (~mask | kept)) | bits;
    }, mode);
}

function permissions(what: string, mode: number, isDirectory: boolean): number {
  if (/^[ugo]$/.test(what)) {
    const shift = what === "u" ? 6 : what === "g" ? 3 : 0;
    return ((mode >> shift) & 7) * 0o111;
  }
  let bits = 0;
  for (const letter of what) {
    if (letter === "r") bits |= 0o444;
    else if (letter === "w") bits |= 0o222;
    else if (letter === "x") bits |= 0o111;
    else if (letter === "X") bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0;
    else if (letter === "s") bits |= 0o6000;
    else bits |= 0o1000;
  }
  return bits;
}

function invalid(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_DOCKERFILE_INVALID", message, {
    hint: "for example --chmod=0755, or --chmod=u=rwX,go=rX",
    exitCode: 1,
  });
}

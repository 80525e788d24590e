/**
 * Why a program could not be executed. execve(2) says "no such file or directory" of a script whose interpreter is
 * missing and of a program whose loader is, and "exec format error" of anything built for another machine; here the
 * file itself is looked at, and what is really wrong is named.
 *
 * Exit codes are the shell's and Docker's: 127 where there is no such command, 126 where there is but it cannot run.
 */
import { posix } from "node:path";
import { type ErrorCode, TsrunError } from "../errors.ts";
import { errnoName, SyscallError } from "../kernel/errors.ts";
import type { BinfmtHandler } from "./binfmt.ts";
import { diagnoseFile } from "./diagnose-file.ts";
import type { FileFacts, RootProbe } from "./root-probe.ts";

export interface ExecFailure {
  /** The container's files. */
  probe: RootProbe;
  /** The paths that were tried, in order; relative ones start at `cwd`. */
  candidates: readonly string[];
  /** The command as it was given. */
  argv0: string;
  /** What execve(2) reported. */
  errno: number;
  /** PATH as it was searched. */
  path?: string | undefined;
  /** The host's architecture as image platforms name it: "amd64". */
  hostArch: string;
  /** readBinfmtHandlers(). */
  binfmt?: readonly BinfmtHandler[];
  cwd?: string;
  /** Who the process is. */
  user?: { uid: number; gid: number; additionalGids: readonly number[] };
}

/** What was found, before it is put into a sentence that names the command. */
export interface Finding {
  code: ErrorCode;
  reason: string;
  hint?: string;
}

/** Finds the reason of a failed execve(2) and returns it as the error to report. */
export function diagnoseExec(failure: ExecFailure): TsrunError {
  const paths = failure.candidates.map((candidate) => posix.resolve(failure.cwd ?? "/", candidate));
  const path = chooseFile(paths, failure);
  const found = path === undefined ? undefined : failure.probe.stat(path);
  if (path === undefined || found === undefined) return notFound(failure);
  const finding =
    fromErrno(failure) ??
    fromPermissions(path, found, failure) ??
    diagnoseFile(path, failure) ??
    unexplained(failure);
  return report(failure, finding, { path, exitCode: 126 });
}

/** The file that execve(2) failed on: like a shell, a search of PATH passes over what is not a file. */
function chooseFile(paths: readonly string[], { argv0, probe }: ExecFailure): string | undefined {
  if (argv0.includes("/")) return paths[0];
  const files = paths.filter((path) => probe.stat(path)?.kind === "file");
  return files.find((path) => isExecutable(probe.stat(path))) ?? files[0];
}

function isExecutable(file: FileFacts | undefined): boolean {
  return file !== undefined && (file.mode & 0o111) !== 0;
}

function notFound(failure: ExecFailure): TsrunError {
  const { argv0, errno } = failure;
  const missing = ["ENOENT", "ENOTDIR"].includes(errnoName(errno));
  const byPath = argv0.includes("/");
  const finding = fromErrno(failure) ?? (byPath && !missing ? unexplained(failure) : undefined);
  if (finding !== undefined) return report(failure, finding, { exitCode: 126 });
  const reason = byPath
    ? `stat ${argv0}: ${errnoName(errno) === "ENOTDIR" ? "not a directory" : "no such file or directory"}`
    : "executable file not found in $PATH";
  const hint = notFoundHint(failure);
  return report(
    failure,
    { code: "ERR_TSRUN_COMMAND_NOT_FOUND", reason, ...(hint ? { hint } : {}) },
    { exitCode: 127 },
  );
}

function notFoundHint({ argv0, probe, path }: ExecFailure): string | undefined {
  if (argv0.startsWith("-"))
    return "options go before the image's name; what follows it is the command to run";
  if (/\s/.test(argv0)) {
    return `the whole of it was taken for the name of one program: pass the words separately, or as: sh -c '${argv0}'`;
  }
  const shell = posix.basename(argv0);
  if (["bash", "zsh", "ash"].includes(shell) && probe.stat("/bin/sh"))
    return `the image has no ${shell}: try sh`;
  if (argv0.includes("/")) return undefined;
  return path ? `searched in ${path}` : "PATH is not set in the container";
}

/** Failures that have nothing to do with what is in the file. */
function fromErrno({ errno }: ExecFailure): Finding | undefined {
  const code = "ERR_TSRUN_EXEC_FAILED";
  switch (errnoName(errno)) {
    case "ETXTBSY":
      return {
        code,
        reason: "text file busy",
        hint: "some process has the file open for writing: let it close the file first",
      };
    case "E2BIG":
      return {
        code,
        reason: "argument list too long",
        hint: "one argument or variable may have 128 KiB, all together a quarter of the stack limit: pass data in a file or on stdin",
      };
    case "ENOMEM":
      return { code, reason: "cannot allocate memory", hint: "raise the container's memory limit (-m)" };
    case "EAGAIN":
      return {
        code,
        reason: "resource temporarily unavailable",
        hint: "the user has more processes than --ulimit nproc allows",
      };
    case "ENAMETOOLONG":
      return { code, reason: "file name too long" };
    default:
      return undefined;
  }
}

/** The file cannot be executed by this user, whatever is in it. */
function fromPermissions(path: string, found: FileFacts, { errno, user }: ExecFailure): Finding | undefined {
  const code = "ERR_TSRUN_COMMAND_NOT_EXECUTABLE";
  if (found.kind === "directory") return { code, reason: "is a directory" };
  const reason = "permission denied";
  if (found.kind === "other") return { code, reason, hint: `${path} is neither a file nor a directory` };
  if (errnoName(errno) !== "EACCES") return undefined;
  if (!isExecutable(found)) {
    return {
      code,
      reason,
      hint: `${path} is not executable (mode ${octal(found.mode)}): run chmod +x on it`,
    };
  }
  if (found.noexec) return { code, reason, hint: `${path} is on a filesystem mounted with noexec` };
  if (user !== undefined && !mayExecute(found, user)) {
    const { uid, gid, mode } = found;
    return {
      code,
      reason,
      hint: `mode ${octal(mode)} and owner ${uid}:${gid} of ${path} do not let user ${user.uid} execute it`,
    };
  }
  return undefined;
}

/** path_resolution(7), "Permissions", without ACLs; root needs one execute bit of any class. */
function mayExecute(file: FileFacts, user: NonNullable<ExecFailure["user"]>): boolean {
  if (user.uid === 0) return isExecutable(file);
  if (user.uid === file.uid) return (file.mode & 0o100) !== 0;
  const inGroup = user.gid === file.gid || user.additionalGids.includes(file.gid);
  return (file.mode & (inGroup ? 0o010 : 0o001)) !== 0;
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  ENOEXEC: "exec format error",
  ELOOP: "too many levels of symbolic links",
};

function unexplained({ errno }: ExecFailure): Finding {
  const name = errnoName(errno);
  return { code: "ERR_TSRUN_EXEC_FAILED", reason: REASONS[name] ?? `execve: ${name}` };
}

function report(
  { argv0, errno }: ExecFailure,
  { code, reason, hint }: Finding,
  { path, exitCode }: { path?: string; exitCode: number },
): TsrunError {
  const where = path === undefined || argv0.includes("/") ? "" : ` (${path})`;
  return new TsrunError(code, `exec: ${JSON.stringify(argv0)}${where}: ${reason}`, {
    exitCode,
    cause: new SyscallError("execve", errno, path ?? argv0),
    ...(hint === undefined ? {} : { hint }),
  });
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

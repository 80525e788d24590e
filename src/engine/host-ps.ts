/**
 * ps(1) of the host, the one program that tsrun starts for its own needs: `top` takes any of its options, and nobody
 * but ps itself knows them all.
 */
import { type ExecFileException, execFile } from "node:child_process";
import { TsrunError } from "../errors.ts";

/** A line for each of thousands of threads, each with its whole command line, has to fit. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** What `ps ARGS` prints; throws ERR_TSRUN_PS_MISSING, ERR_TSRUN_PS_FAILED. No shell is involved. */
export function hostPs(args: readonly string[]): Promise<string> {
  // Numbers and headings are read: they must not depend on the user's language; wide lines must not be cut.
  const env = { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C.UTF-8", COLUMNS: "100000" };
  return new Promise((resolve, reject) => {
    execFile("ps", args, { env, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(failure(args, error, stderr));
    });
  });
}

function failure(args: readonly string[], cause: ExecFileException, stderr: string): TsrunError {
  if (cause.code === "ENOENT") {
    return new TsrunError("ERR_TSRUN_PS_MISSING", "this host has no ps command", {
      hint: "install procps: apt install procps, or dnf install procps-ng",
      cause,
    });
  }
  const said = stderr.trim().split("\n")[0] || "it said nothing";
  return new TsrunError("ERR_TSRUN_PS_FAILED", `ps ${args.join(" ")} failed: ${said}`, {
    hint: "the words after the container's name are options of the host's ps: see man ps",
    cause,
  });
}

/**
 * git(1) of the host: transports, credentials and configuration are the user's own, which nothing else speaks. No
 * shell is involved, and what the user gives can be no option.
 */
import { TsrunError } from "../../errors.ts";

export interface GitCall {
  /** The work tree; any directory where there is none. */
  directory: string;
  signal?: AbortSignal | undefined;
  /** What is not to be shown: the password of a URL. */
  redact?: (text: string) => string;
}

/**
 * What makes git work on another repository than that of its directory (`git rev-parse --local-env-vars`): in a hook, which
 * a build may be started from, it is set.
 */
const OF_A_REPOSITORY = [
  ...["GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_INDEX_FILE"],
  ...["GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE"],
  ...["GIT_SHALLOW_FILE", "GIT_WORK_TREE"],
];

const OUTPUT_LIMIT = 16 * 1024 * 1024;

/**
 * Nobody is there to be asked for a password. A repository's submodules, which are its author's words, get no other
 * transports either: ext:: would run a program, file: read this host's files.
 */
const ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_ALLOW_PROTOCOL: "git:http:https:ssh",
  // A repository that is kept has no hooks of this host's, nor (below) a log of who has checked it out.
  GIT_TEMPLATE_DIR: "",
  LC_ALL: "C",
};

const SETTINGS = ["-c", "core.hooksPath=/dev/null", "-c", "core.logAllRefUpdates=false"];

/** The program's standard output, trimmed. Throws ERR_TSRUN_GIT_MISSING, ERR_TSRUN_GIT_FAILED with its own words. */
export async function git(args: readonly string[], { directory, signal, redact }: GitCall): Promise<string> {
  const { execFile } = await import("node:child_process");
  const options = {
    cwd: directory,
    maxBuffer: OUTPUT_LIMIT,
    env: { ...withoutRepository(process.env), ...ENVIRONMENT },
    ...(signal && { signal }),
  };
  return await new Promise((resolve, reject) => {
    // Modes of the checked out files shall not depend on who builds. The child is forked before execFile returns.
    const umask = process.umask(0o022);
    try {
      execFile("git", [...SETTINGS, ...args], options, (error, stdout, stderr) => {
        if (error === null) return resolve(stdout.trim());
        if (signal?.aborted) return reject(signal.reason);
        if (error.code === "ENOENT" || error.code === "EACCES") return reject(missing(error));
        reject(failed(args, (redact ?? String)(stderr.trim()) || String(error.code), error));
      });
    } finally {
      process.umask(umask);
    }
  });
}

const withoutRepository = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !OF_A_REPOSITORY.includes(name)));

function missing(cause: unknown): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_GIT_MISSING",
    "git repositories are fetched by git, which is not installed",
    {
      hint: "apt-get install git",
      cause,
    },
  );
}

function failed([action]: readonly string[], said: string, cause: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_GIT_FAILED", `git ${action} failed: ${said}`, {
    hint: "check the URL and the reference; git is run as this user, with this user's configuration and keys",
    cause,
  });
}

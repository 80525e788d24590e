/** What the doctor looks at, so that its rules can be asked about hosts that are not this one. */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { hasLibrary } from "../../kernel/libraries.ts";
import { hostUser, isRootless } from "../../kernel/rootless.ts";

export interface HostView {
  /** The text of a file; undefined where it is not there. */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** Whether this process may write to it. */
  canWrite(path: string): boolean;
  /** Path and mode of a program; undefined where it is not installed. */
  program(name: string): { path: string; mode: number } | undefined;
  /** Whether a shared library can be loaded. */
  library(name: string): boolean;
  /** "6.1.0-18-amd64". */
  kernel: string;
  /** Whose containers are meant: their name in passwd(5), or their number. */
  user: { uid: number; name: string };
  /** The user's, where this process is one of theirs. */
  env: Readonly<Record<string, string | undefined>>;
  /** Whether this process is in namespaces of the user's own. */
  rootless: boolean;
}

const PROGRAM_DIRECTORIES = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/** This host, and the user of this name, by default who calls. */
export function thisHost(env: HostView["env"], userName?: string): HostView {
  return {
    read,
    exists: existsSync,
    canWrite,
    program,
    library: hasLibrary,
    kernel: release(),
    user: userOf(userName),
    env,
    rootless: isRootless(),
  };
}

function userOf(name: string | undefined): HostView["user"] {
  const lines = (read("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"));
  if (name !== undefined) {
    const uid = lines.find(([each, , number]) => each === name || number === name)?.[2];
    return { uid: uid === undefined ? Number.NaN : Number(uid), name };
  }
  const uid = hostUser();
  return { uid, name: lines.find(([, , number]) => number === String(uid))?.[0] ?? String(uid) };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function program(name: string): { path: string; mode: number } | undefined {
  for (const directory of PROGRAM_DIRECTORIES) {
    const path = `${directory}/${name}`;
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile()) return { path, mode: stat.mode };
  }
  return undefined;
}

/** A child process that inherits what its parent was given: its standard descriptors. */
import { check, checkResult } from "./errors.ts";
import { libc } from "./libc.ts";
import { native } from "./native.ts";

const spawn = native(
  "int tsrun_spawn_child(int program, const char **argv, const char **envp, const int *fds, int count)",
);
const memfdCreate = libc("int memfd_create(const char *name, unsigned int flags)");
const waitpid = libc("int waitpid(int pid, _Out_ int *status, int options)");

const MFD_CLOEXEC = 1;

export interface ChildOptions {
  /** A descriptor of the file to execute. */
  program: number;
  argv: readonly string[];
  /** KEY=VALUE. */
  env: readonly string[];
  /** They become descriptors 3, 4, … */
  fds: readonly number[];
}

/** Starts a child, posix_spawn(3), and returns its process id; it has to be waited for. */
export function spawnChild({ program, argv, env, fds }: ChildOptions): number {
  return checkResult(
    "posix_spawn",
    spawn(program, [...argv, null], [...env, null], fds, fds.length),
    argv[0],
  );
}

/** Waits until the child has ended and takes it out of the process table, waitpid(2); blocks. */
export function reapChild(pid: number): void {
  check("waitpid", () => waitpid(pid, [0], 0));
}

/** An empty anonymous file, memfd_create(2). */
export const memoryFile = (name: string): number =>
  check("memfd_create", () => memfdCreate(name, MFD_CLOEXEC));

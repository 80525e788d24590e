/** Processes and the descriptors they are handed: posix_spawn(3), memfd_create(2), socketpair(2), pidfds. */
import { closeSync, readFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { check, checkResult, SyscallError } from "./errors.ts";
import { declare, isLoaded } from "./ffi.ts";
import { libc } from "./libc.ts";
import { native } from "./native.ts";

const spawn = native(
  "int tsrun_spawn(const char *path, const char **argv, const char **envp, const int *fds, int count)",
);
const spawnBegin = native(
  "void *tsrun_spawn_begin(const char *path, const char **argv, const char **envp, const int *fds, int count)",
);
const spawnEnd = native("int tsrun_spawn_end(void *task)");
const socketpair = libc("int socketpair(int domain, int type, int protocol, _Out_ int *sv)");
const pipe2 = libc("int pipe2(_Out_ int *ends, int flags)");
const memfdCreate = libc("int memfd_create(const char *name, unsigned int flags)");
const exitAtOnce = declare(null, "void _exit(int status)");
const fcntlInt = libc("int fcntl(int fd, int op, int arg)");
const cPidfdOpen = libc("long pidfd_open(int pid, unsigned int flags)");
const cPidfdGetfd = libc("long pidfd_getfd(int pidfd, int fd, unsigned int flags)");
const cPidfdSendSignal = libc(
  "long pidfd_send_signal(int pidfd, int signal, void *info, unsigned int flags)",
);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** Shrink, grow, write and further seals (fcntl(2) F_SEAL_*). */
const ALL_SEALS = 0x2 | 0x4 | 0x8 | 0x1;

/**
 * Executes `path` with `fds` as descriptors 3, 4, …, one more for the program itself and nothing else open, as a process
 * that is no child of this one: nobody waits for it.
 */
export function spawnDetached(path: string, argv: string[], options: { env: string[]; fds: number[] }): void {
  const { env, fds } = options;
  checkResult("posix_spawn", spawn(path, [...argv, null], [...env, null], fds, fds.length), path);
}

/** A program that is being started. */
export interface Spawning {
  /** Returns once it executes; throws SyscallError where it does not. To be called, once. */
  wait(): void;
}

/**
 * spawnDetached() on a thread of its own, since execve(2) takes longer than much else that a start does; the descriptors
 * have to stay open until it is waited for.
 */
export function beginSpawn(
  path: string,
  argv: string[],
  options: { env: string[]; fds: number[] },
): Spawning {
  const { env, fds } = options;
  const task: unknown = spawnBegin(path, [...argv, null], [...env, null], fds, fds.length);
  if (task === null) throw new SyscallError("pthread_create", constants.errno.EAGAIN);
  return {
    wait() {
      checkResult("posix_spawn", spawnEnd(task), path);
    },
  };
}

/**
 * Ends this process without taking node apart, which would cost milliseconds and free what the kernel frees anyway:
 * _exit(2). Listeners to "exit" run.
 */
export function exitProcess(code: number): never {
  if (isLoaded()) {
    process.exitCode = code;
    process.emit("exit", code);
    exitAtOnce(code);
  }
  process.exit(code);
}

/** Two connected stream sockets, close-on-exec. */
export function streamSocketPair(): [number, number] {
  const pair: number[] = [-1, -1];
  check("socketpair", () => socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  return [pair[0] as number, pair[1] as number];
}

/** A pipe, pipe2(2), both of its ends close-on-exec. */
export function closeOnExecPipe(): [readEnd: number, writeEnd: number] {
  const ends: number[] = [-1, -1];
  check("pipe2", () => pipe2(ends, O_CLOEXEC));
  return [ends[0] as number, ends[1] as number];
}

/** An anonymous file with this content that nobody can change any more (memfd_create(2), file sealing). */
export function sealedFile(name: string, content: Uint8Array): number {
  const fd = check("memfd_create", () => memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  try {
    for (let done = 0; done < content.length; ) done += writeSync(fd, content, done);
    check("fcntl", () => fcntlInt(fd, F_ADD_SEALS, ALL_SEALS));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A descriptor for the process, which keeps meaning that process when its number is used again (Linux 5.3). */
export function pidfdOpen(pid: number): number {
  return check("pidfd_open", () => cPidfdOpen(pid, 0));
}

/** A copy of another process's descriptor, close-on-exec (pidfd_getfd(2), Linux 5.6); the caller closes it. */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return check("pidfd_getfd", () => cPidfdGetfd(pidfd, fd, 0));
}

/** Sends a signal by number; throws SyscallError with code ESRCH where the process has ended. */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  check("pidfd_send_signal", () => cPidfdSendSignal(pidfd, signal, null, 0));
}

/** A process's number in the innermost pid namespace that it is in (proc_pid_status(5), NSpid); its own where it is gone. */
export function innermostPid(pid: number): number {
  try {
    const [, numbers = ""] = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return Number(numbers.trim().split(/\s+/).at(-1)) || pid;
  } catch {
    return pid;
  }
}

/**
 * A process's start time in clock ticks since boot (proc_pid_stat(5) field 22), undefined where it is gone or only a
 * zombie is left of it: together with the number it names a process for good.
 */
export function processStartTicks(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // Field 2, the command in parentheses, may contain anything: count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : Number(fields[19]);
}

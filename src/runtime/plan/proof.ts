/**
 * What the kernel itself says about a step once it was executed, read from /proc on the host. Nothing here is
 * remembered from the Plan: a proof is what anybody can read in the same file.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { deviceNumber } from "../../kernel/device-number.ts";
import { readLinkDescriptor } from "../../kernel/files.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import type { NamespaceFlag, StepAction } from "./plan.ts";

const NAMESPACE_FILES: Readonly<Record<NamespaceFlag, string>> = {
  CLONE_NEWNS: "mnt",
  CLONE_NEWPID: "pid",
  CLONE_NEWUTS: "uts",
  CLONE_NEWIPC: "ipc",
  CLONE_NEWNET: "net",
  CLONE_NEWCGROUP: "cgroup",
  CLONE_NEWUSER: "user",
  CLONE_NEWTIME: "time",
};

/** Lines of the form "where: what", empty where the kernel shows a step nowhere. `pid` waits right before execve. */
export function proofOf(step: StepAction, pid: number): string[] {
  try {
    return lookUp(step, pid);
  } catch (error) {
    // A process may end while it is looked at; what can no longer be read proves nothing.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function lookUp(step: StepAction, pid: number): string[] {
  switch (step.op) {
    case "clone":
      return [
        ...step.flags.flatMap((flag) => namespaceProof(flag, pid)),
        ...(step.cgroup === undefined ? [] : memberships(pid).map(({ line }) => line)),
      ];
    case "setns":
    case "unshare":
      return [
        ...step.flags.flatMap((flag) => namespaceProof(flag, pid)),
        ...(step.flags.includes("CLONE_NEWNET") ? networkProof(pid) : []),
      ];
    case "writeFile":
      return joinProof(pid, step.path);
    case "mount":
      if (step.fstype === null) return [];
      return mountProof(step.target.startsWith("/") ? step.target : "/", pid);
    case "idmap":
      return mountProof(step.slot.replace(/^bind:/, ""), pid);
    case "mountOverlay":
    case "moveMount":
    case "mountSetattr":
      return mountProof(step.target.startsWith("/") ? step.target : "/", pid);
    case "mask":
    case "bindConsole":
      return mountProof(step.path, pid);
    case "pivotRoot":
      return mountProof("/", pid);
    case "umount":
      return [`/proc/${pid}/mountinfo: ${mountLines(pid).length} mounts, none of the host's tree`];
    case "chdir":
      return workingDirectoryProof(step.path, pid);
    case "mkdir":
    case "touch":
    case "mknod":
    case "symlink":
      return fileProof(step.path, pid);
    case "linkUp":
      return networkProof(pid);
    case "setsid":
      return [`/proc/${pid}/stat: session ${statField(pid, 6)}`];
    case "dup2":
      return [`/proc/${pid}/fd/${step.to} -> ${readlinkSync(`/proc/${pid}/fd/${step.to}`)}`];
    case "setControllingTerminal":
      return [`/proc/${pid}/stat: tty_nr ${statField(pid, 7)}`];
    case "setrlimit":
      return statusLine(`/proc/${pid}/limits`, LIMIT_NAMES[step.resource] ?? step.resource);
    case "umask":
      return statusLine(`/proc/${pid}/status`, "Umask:");
    case "capBoundingSet":
      return statusLine(`/proc/${pid}/status`, "CapBnd:");
    case "capset":
      return ["CapEff:", "CapPrm:", "CapInh:"].flatMap((key) => statusLine(`/proc/${pid}/status`, key));
    case "capAmbient":
      return statusLine(`/proc/${pid}/status`, "CapAmb:");
    case "setgroups":
      return statusLine(`/proc/${pid}/status`, "Groups:");
    case "setresgid":
      return statusLine(`/proc/${pid}/status`, "Gid:");
    case "setresuid":
      return statusLine(`/proc/${pid}/status`, "Uid:");
    case "seccomp":
      return ["Seccomp:", "Seccomp_filters:"].flatMap((key) => statusLine(`/proc/${pid}/status`, key));
    case "prctl":
      return step.option === "PR_SET_NO_NEW_PRIVS" ? statusLine(`/proc/${pid}/status`, "NoNewPrivs:") : [];
    case "closeRange":
      return closeOnExecProof(pid, step.first);
    default:
      return [];
  }
}

const LIMIT_NAMES: Readonly<Record<string, string>> = {
  RLIMIT_NOFILE: "Max open files",
  RLIMIT_NPROC: "Max processes",
  RLIMIT_CORE: "Max core file size",
  RLIMIT_MEMLOCK: "Max locked memory",
  RLIMIT_STACK: "Max stack size",
  RLIMIT_FSIZE: "Max file size",
  RLIMIT_CPU: "Max cpu time",
  RLIMIT_AS: "Max address space",
};

function namespaceProof(flag: NamespaceFlag, pid: number): string[] {
  const file = NAMESPACE_FILES[flag];
  const own = readlinkSync(`/proc/self/ns/${file}`);
  const theirs = readlinkSync(`/proc/${pid}/ns/${file}`);
  return [`/proc/${pid}/ns/${file} -> ${theirs} (${own === theirs ? "the host's" : `the host's is ${own}`})`];
}

/** A later step may have changed the directory again: then this one can no longer be seen. */
function workingDirectoryProof(path: string, pid: number): string[] {
  const cwd = readlinkSync(`/proc/${pid}/cwd`);
  return cwd === path ? [`/proc/${pid}/cwd -> ${cwd}`] : [];
}

/** The cgroups that a process is in, without those where it was left at the root. */
function memberships(pid: number): { line: string; controllers: string; path: string }[] {
  return readFileSync(`/proc/${pid}/cgroup`, "latin1")
    .trim()
    .split("\n")
    .map((entry) => {
      const [, controllers = "", ...path] = entry.split(":");
      return { line: `/proc/${pid}/cgroup: ${entry}`, controllers, path: path.join(":") };
    })
    .filter(({ path }) => path !== "/");
}

/** For a file by which a cgroup is joined, <mount>/<controllers>/<path>/tasks: the line of that hierarchy. */
function joinProof(pid: number, file: string): string[] {
  return memberships(pid)
    .filter(({ controllers, path }) => {
      const [mount, rest] = file.split(`${path}/`);
      return mount?.endsWith(`/${controllers}`) && (rest === "tasks" || rest === "cgroup.procs");
    })
    .map(({ line }) => line);
}

function mountLines(pid: number): string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, "utf8").trim().split("\n");
}

/** The last line for a mount point is the mount on top. */
function mountProof(path: string, pid: number): string[] {
  const line = mountLines(pid).findLast((candidate) => candidate.split(" ")[4] === path);
  return line === undefined ? [] : [`/proc/${pid}/mountinfo: ${line}`];
}

/** Looked up inside the container's root, whatever links the image has. */
function fileProof(path: string, pid: number): string[] {
  const root = openSync(`/proc/${pid}/root`, O_PATH);
  try {
    const fd = openInRoot(root, path, O_PATH | constants.O_NOFOLLOW);
    try {
      return [`${path}${fileFacts(fd)}`];
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(root);
  }
}

function fileFacts(fd: number): string {
  const stats = fstatSync(fd);
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isSymbolicLink()) return ` -> ${readLinkDescriptor(fd)}`;
  if (stats.isCharacterDevice() || stats.isBlockDevice()) {
    const { major, minor } = deviceNumber(stats.rdev);
    return `: ${stats.isBlockDevice() ? "block" : "character"} device ${major}:${minor}, mode ${mode}`;
  }
  return `: ${stats.isDirectory() ? "directory" : "file"}, mode ${mode}`;
}

/** Links with an address and routes of the process's network namespace. */
function networkProof(pid: number): string[] {
  const links = readFileSync(`/proc/${pid}/net/dev`, "latin1")
    .split("\n")
    .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);
  const addresses = [
    ...new Set(
      [
        ...readFileSync(`/proc/${pid}/net/fib_trie`, "latin1").matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g),
      ].map((match) => match[1]),
    ),
  ];
  return [
    `/proc/${pid}/net/dev: ${links.join(", ")}`,
    ...(addresses.length > 0 ? [`/proc/${pid}/net/fib_trie: ${addresses.join(", ")}`] : []),
  ];
}

function statField(pid: number, number: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[number - 3] ?? "";
}

function statusLine(file: string, key: string): string[] {
  const line = readFileSync(file, "latin1")
    .split("\n")
    .find((candidate) => candidate.startsWith(key));
  return line === undefined ? [] : [`${file}: ${line.replace(/\s+/g, " ").trim()}`];
}

const O_CLOEXEC = 0o2000000;

function closeOnExecProof(pid: number, first: number): string[] {
  const fds = readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .filter((fd) => fd >= first);
  const open = fds.filter((fd) => {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  });
  return [`/proc/${pid}/fdinfo: of ${fds.length} descriptors from ${first} up, ${open.length} stay open`];
}

/** A step as strace(1) would print the kernel call that it is. */
import type { Plan, Step, StepAction } from "./plan.ts";

const quoted = (text: string | null): string => (text === null ? "NULL" : JSON.stringify(text));
const flags = (names: readonly string[]): string => (names.length === 0 ? "0" : names.join("|"));
const octal = (mode: number): string => `0${mode.toString(8)}`;
const hexadecimal = (value: number): string => (value === 0 ? "0" : `0x${value.toString(16)}`);
const limit = (value: number): string => (value < 0 ? "RLIM64_INFINITY" : String(value));
const DEVICE_TYPE = { c: "S_IFCHR", b: "S_IFBLK", p: "S_IFIFO" } as const;
const LONGEST_LIST = 4;

/** A list as strace shows it, cut short where it is long. */
function list(items: readonly string[]): string {
  const shown = items.slice(0, LONGEST_LIST).map((item) => quoted(item));
  return `[${[...shown, ...(items.length > LONGEST_LIST ? [`/* ${items.length - LONGEST_LIST} more */`] : [])].join(", ")}]`;
}

/** Capability sets as masks would say little: names, without the common prefix. */
function capabilities(names: readonly string[]): string {
  return `{${names.map((name) => name.replace(/^CAP_/, "").toLowerCase()).join(",")}}`;
}

/** The call with its arguments; descriptors are shown by the names of their slots: <netns>. */
export function straceStep(step: StepAction): string {
  switch (step.op) {
    case "clone": {
      const into = step.cgroup ? ["CLONE_INTO_CGROUP"] : [];
      const cgroup = step.cgroup ? `, cgroup=<${step.cgroup}>` : "";
      const call = `clone3({flags=${flags([...step.flags, ...into, "CLONE_PIDFD"])}, exit_signal=SIGCHLD${cgroup}})`;
      if (step.uidMap === undefined) return call;
      return `${call}; write(<uid_map>, ${quoted(step.uidMap)}); write(<gid_map>, ${quoted(step.gidMap ?? "")})`;
    }
    case "fork":
      return "clone(child_stack=<between>, flags=CLONE_VM|CLONE_VFORK|CLONE_FILES|SIGCHLD)";
    case "setns":
      return `setns(<${step.fd}>, ${flags(step.flags)})`;
    case "unshare":
      return `unshare(${flags(step.flags)})`;
    case "wait":
      return step.gate === undefined ? "read(<monitor>)" : `read(<monitor>); read(<${step.gate}>)`;
    case "writeFile":
      return `write(<${step.path}>, ${quoted(step.data)}, ${Buffer.byteLength(step.data)})`;
    case "mount":
      return `mount(${quoted(step.source)}, ${quoted(step.target)}, ${quoted(step.fstype)}, ${flags(step.flags)}, ${quoted(step.data)})`;
    case "mountOverlay":
      return `fsconfig(<overlay>, FSCONFIG_SET_STRING, "lowerdir+", ${list(step.lower)}); move_mount(<overlay>, "", AT_FDCWD, ${quoted(step.target)}, MOVE_MOUNT_F_EMPTY_PATH)`;
    case "idmap":
      return `mount_setattr(<${step.slot}>, "", ${flags(["AT_EMPTY_PATH", ...(step.recursive ? ["AT_RECURSIVE"] : [])])}, {attr_set=MOUNT_ATTR_IDMAP, userns_fd=<${step.userns}>})`;
    case "openTree":
      if (step.root !== undefined)
        return `chroot(<${step.root}>); open_tree(AT_FDCWD, ${quoted(step.path)}, ${flags(["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", ...(step.recursive ? ["AT_RECURSIVE"] : [])])}); chroot(<root>)`;
      if (step.within !== undefined)
        return `open_tree(openat2(${quoted(step.within)}, ${quoted(step.path)}, {flags=O_PATH, resolve=RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS}), "", ${flags(["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH", ...(step.recursive ? ["AT_RECURSIVE"] : [])])})`;
      return `open_tree(AT_FDCWD, ${quoted(step.path)}, ${flags(["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", ...(step.recursive ? ["AT_RECURSIVE"] : [])])})`;
    case "moveMount":
      return `move_mount(<${step.slot}>, "", AT_FDCWD, ${quoted(step.target)}, MOVE_MOUNT_F_EMPTY_PATH)`;
    case "mountSetattr": {
      const attributes = [
        ...(step.set.length > 0 ? [`attr_set=${flags(step.set)}`] : []),
        ...(step.clear.length > 0 ? [`attr_clr=${flags(step.clear)}`] : []),
        ...(step.propagation ? [`propagation=${step.propagation}`] : []),
      ];
      return `mount_setattr(AT_FDCWD, ${quoted(step.target)}, ${step.recursive ? "AT_RECURSIVE" : "0"}, {${attributes.join(", ")}})`;
    }
    case "treeSetattr": {
      const attributes = [
        ...(step.set.length > 0 ? [`attr_set=${flags(step.set)}`] : []),
        ...(step.clear.length > 0 ? [`attr_clr=${flags(step.clear)}`] : []),
        ...(step.propagation ? [`propagation=${step.propagation}`] : []),
      ];
      return `mount_setattr(<${step.slot}>, "", ${flags(["AT_EMPTY_PATH", ...(step.recursive ? ["AT_RECURSIVE"] : [])])}, {${attributes.join(", ")}})`;
    }
    case "mountTmpfs":
      return `mount(${quoted(step.source)}, ${quoted(step.target)}, "tmpfs", ${flags(step.flags)}, ${quoted(step.data)})`;
    case "moveRoot":
      return 'mount(".", "/", NULL, MS_MOVE, NULL); chroot("."); chdir("/")';
    case "chroot":
      return `chroot(${quoted(step.path)}); chdir("/")`;
    case "openPath":
      return `openat(AT_FDCWD, ${quoted(step.path)}, O_PATH|O_DIRECTORY|O_CLOEXEC)`;
    case "fchdir":
      return `fchdir(<${step.slot}>)`;
    case "parentPropagation":
      return `mount(NULL, ${quoted(step.path)} /* or above */, NULL, ${step.propagation}, NULL)`;
    case "close":
      return `close(<${step.slot}>)`;
    case "reopenNull":
      return 'dup2(open("/dev/null", O_RDWR), 0)';
    case "ensureDirectory":
      return `mkdir(${quoted(step.path)}, 0755); openat2(AT_FDCWD, ${quoted(step.path)}, {flags=O_PATH|O_DIRECTORY|O_CLOEXEC, resolve=RESOLVE_NO_SYMLINKS})`;
    case "timeNamespace":
      return `unshare(CLONE_NEWTIME); write(<timens_offsets>, ${quoted(step.offsets)}); setns(<time_for_children>, CLONE_NEWTIME)`;
    case "personality":
      return `personality(${flags([step.domain, ...step.flags])})`;
    case "ioPriority":
      return `ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(${step.class}, ${step.priority}))`;
    case "scheduler":
      return `sched_setattr(0, {sched_policy=${step.policy}, sched_flags=${flags(step.flags)}, sched_nice=${step.nice}, sched_priority=${step.priority}, sched_runtime=${step.runtime}, sched_deadline=${step.deadline}, sched_period=${step.period}}, 0)`;
    case "cpuAffinity":
      return `sched_setaffinity(0, 1024, [${step.cpus ?? "all"}])`;
    case "memoryPolicy":
      return `set_mempolicy(${flags([step.mode, ...step.flags])}, [${step.nodes ?? ""}], 1025)`;
    case "sessionKeyring":
      return `keyctl(KEYCTL_JOIN_SESSION_KEYRING, ${step.name === null ? "NULL" : quoted(step.name)})`;
    case "findProgram":
      return `faccessat(AT_FDCWD, ${quoted(step.candidates[0] ?? "")}, X_OK, AT_EACCESS)`;
    case "pivotRoot":
      return `pivot_root(${quoted(step.newRoot)}, ${quoted(step.putOld)})`;
    case "umount":
      return `umount2(${quoted(step.target)}, ${flags(step.flags)})`;
    case "chdir":
      return `chdir(${quoted(step.path)})`;
    case "mountPoint":
      return `mkdir(${quoted(step.path)} /* or a file, as <${step.slot}> is one */, 0755)`;
    case "mkdir":
      return `mkdir(${quoted(step.path)}, ${octal(step.mode)})`;
    case "touch":
      return `openat(AT_FDCWD, ${quoted(step.path)}, O_CREAT|O_EXCL|O_WRONLY, ${octal(step.mode)})`;
    case "mknod":
      return `mknod(${quoted(step.path)}, ${DEVICE_TYPE[step.type]}|${octal(step.mode)}, makedev(${hexadecimal(step.major)}, ${hexadecimal(step.minor)}))`;
    case "chown":
      return `lchown(${quoted(step.path)}, ${step.uid}, ${step.gid})`;
    case "symlink":
      return `symlink(${quoted(step.target)}, ${quoted(step.path)})`;
    case "mask":
      return `move_mount(</dev/null or empty tmpfs>, "", AT_FDCWD, ${quoted(step.path)}, MOVE_MOUNT_F_EMPTY_PATH)`;
    case "sethostname":
      return `sethostname(${quoted(step.name)}, ${Buffer.byteLength(step.name)})`;
    case "setdomainname":
      return `setdomainname(${quoted(step.name)}, ${Buffer.byteLength(step.name)})`;
    case "linkUp":
      return `ioctl(<socket>, SIOCSIFFLAGS, {ifr_name=${quoted(step.link)}, ifr_flags=IFF_UP})`;
    case "openPty":
      return `openat(AT_FDCWD, "/dev/pts/ptmx", O_RDWR|O_NOCTTY); ioctl(<master>, TIOCGPTPEER)`;
    case "bindConsole":
      return `move_mount(<terminal>, "", AT_FDCWD, ${quoted(step.path)}, MOVE_MOUNT_F_EMPTY_PATH)`;
    case "setsid":
      return "setsid()";
    case "setControllingTerminal":
      return "ioctl(0, TIOCSCTTY, 0)";
    case "dup2":
      return `dup2(<${step.fd}>, ${step.to})`;
    case "chownStdio":
      return [0, 1, 2].map((fd) => `fchown(${fd}, ${step.uid}, -1)`).join("; ");
    case "chownStream":
      return `fchown(<${step.slot}>, ${step.uid}, -1)`;
    case "setFsIds":
      return `setfsgid(${step.gid}); setfsuid(${step.uid}); capset({effective=<permitted>})`;
    case "setrlimit":
      return `prlimit64(0, ${step.resource}, {rlim_cur=${limit(step.soft)}, rlim_max=${limit(step.hard)}}, NULL)`;
    case "umask":
      return `umask(${octal(step.mask)})`;
    case "prctl":
      return `prctl(${step.option}, ${step.option === "PR_SET_PDEATHSIG" && step.value === 9 ? "SIGKILL" : step.value})`;
    case "capBoundingSet":
      return `prctl(PR_CAPBSET_DROP, /* all but ${capabilities(step.keep)} */)`;
    case "capset":
      return `capset({effective=${capabilities(step.effective)}, permitted=${capabilities(step.permitted)}, inheritable=${capabilities(step.inheritable)}})`;
    case "capAmbient":
      return `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, ${capabilities(step.raise)})`;
    case "setgroups":
      return `setgroups(${step.gids.length}, [${step.gids.join(", ")}])`;
    case "setresgid":
      return `setresgid(${step.gid}, ${step.gid}, ${step.gid})`;
    case "setresuid":
      return `setresuid(${step.uid}, ${step.uid}, ${step.uid})`;
    case "seccomp":
      return `seccomp(SECCOMP_SET_MODE_FILTER, ${flags(step.flags)}, {len=${((step.program.length / 4) * 3) >> 3}})`;
    case "closeRange":
      return `close_range(${step.first}, ~0U, 0)`;
    case "execve":
      return `execve(${quoted(step.candidates[0] ?? "")}${step.candidates.length > 1 ? ` /* or the next of PATH */` : ""}, ${list(step.argv)}, [/* ${step.envp.length} vars */])`;
  }
}

/** Who executes the step: the monitor up to and including clone, the container's process afterwards. */
export function executorOf(plan: Plan, index: number): "monitor" | "container" {
  const clone = plan.steps.findIndex((step: Step) => step.op === "clone");
  return index <= clone ? "monitor" : "container";
}

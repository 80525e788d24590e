/**
 * A Plan: the start of a container (or of a process inside one) as a flat list of kernel steps.
 *
 * TypeScript decides everything and writes it down here; native/interpreter.c executes it and knows no policy. Each
 * step is one kernel call (a few are a short fixed sequence of them) and carries why it is there. The monitor process
 * runs the steps up to and including `clone`; the child that clone3(2) makes runs all that follow, up to `execve`.
 * Nothing else shapes a container, so what `--dry-run` prints and `explain` narrates is what is executed.
 *
 * Paths before `pivotRoot` are the host's; after it they are the container's, and no path of the host can be named
 * any more. What is needed from the host beyond that point is opened before it, into a *slot*: a named place for a
 * file descriptor. Slots are filled by the launcher (`netns`, `cgroup`, ...), by the monitor (`stdin`, `stdout`,
 * `stderr`: the pipes) and by steps (`openTree` fills the slot that a later `moveMount` uses).
 */
import type { ErrnoName } from "./errno.ts";

export interface Plan {
  /** Slots that the launcher fills with descriptors it holds, in the order it passes them. */
  fds: string[];
  steps: Step[];
}

export type Step = StepAction & {
  /** Why this step is there, in one sentence that a student can follow. */
  why: string;
  /** Failures that do not matter here: at most two. */
  tolerate?: readonly ErrnoName[];
};

export type NamespaceFlag =
  | "CLONE_NEWNS"
  | "CLONE_NEWPID"
  | "CLONE_NEWUTS"
  | "CLONE_NEWIPC"
  | "CLONE_NEWNET"
  | "CLONE_NEWCGROUP"
  | "CLONE_NEWUSER"
  | "CLONE_NEWTIME";

/** Where somebody else has something to do before the Plan goes on (runtime.md, "Lifecycle"). */
export type WaitName = "createRuntime" | "createContainer" | "start";

export type StepAction =
  /**
   * clone3(2): the monitor stays behind as parent; the steps after this one run in the child. In a new user namespace it
   * goes on when its parent has written the maps, lines as in uid_map (user_namespaces(7)).
   */
  | { op: "clone"; flags: NamespaceFlag[]; cgroup?: string; uidMap?: string; gidMap?: string }
  /**
   * clone(2), CLONE_VM: the steps after this one, `clone` included, run in a process between the monitor and the
   * container's, which is the monitor's child all the same (CLONE_PARENT). What they make of their own namespaces and
   * ids, the monitor keeps its own of.
   */
  | { op: "fork" }
  /**
   * setns(2) to the namespace behind a slot's descriptor (a pidfd with several flags, Linux 5.8, or an ns file). One that
   * the process is in already is joined without a privilege.
   */
  | { op: "setns"; fd: string; flags: NamespaceFlag[] }
  | { op: "unshare"; flags: NamespaceFlag[] }
  /**
   * Tells the launcher that this point is reached and waits for its word to go on. With `gate` the process is on its own
   * from then on: it goes on when a byte comes through the FIFO or pipe in that slot.
   */
  | { op: "wait"; name?: WaitName; gate?: string }
  /** open(2), write(2) in one call, close(2). */
  | { op: "writeFile"; path: string; data: string }
  | {
      op: "mount";
      source: string;
      target: string;
      fstype: string | null;
      flags: string[];
      data: string | null;
    }
  /** fsopen(2), one fsconfig(2) "lowerdir+" per layer, fsmount(2), move_mount(2): more layers than a page can name. */
  | {
      op: "mountOverlay";
      lower: string[];
      /** null, like `work`: the overlay is read-only. */
      upper: string | null;
      work: string | null;
      target: string;
      options: string[];
    }
  /**
   * open_tree(2) with OPEN_TREE_CLONE: a detached bind mount of a host path, kept in a slot. With `within` the path is
   * relative to that directory, whose contents are not to be trusted, and never leads out of it.
   */
  | {
      op: "openTree";
      path: string;
      slot: string;
      recursive: boolean;
      within?: string;
      /** The path is one below the directory in this slot, as for a process whose root that is (chroot(2)). */
      root?: string;
    }
  /**
   * mount_setattr(2) with MOUNT_ATTR_IDMAP, Linux 5.12: owners in the detached mount of a slot as a user namespace maps them;
   * by the launcher, who takes the mount out of the process meanwhile, where that one may not.
   */
  | { op: "idmap"; slot: string; userns: string; recursive?: boolean; byLauncher?: boolean }
  /** move_mount(2): attaches the detached mount in a slot, which is empty again then. */
  | { op: "moveMount"; slot: string; target: string }
  /** mount_setattr(2) of the detached mount in a slot. */
  | {
      op: "treeSetattr";
      slot: string;
      set: string[];
      clear: string[];
      propagation: string | null;
      recursive: boolean;
    }
  /**
   * A tmpfs on a directory, made if missing, whose mode it takes unless `data` says one, and a copy of its contents
   * where `copyUp` says so.
   */
  | {
      op: "mountTmpfs";
      source: string;
      target: string;
      flags: string[];
      data: string | null;
      copyUp: boolean;
    }
  /** mount_setattr(2), Linux 5.12. */
  | {
      op: "mountSetattr";
      target: string;
      set: string[];
      clear: string[];
      propagation: string | null;
      recursive: boolean;
    }
  /** mount(2) of the propagation of the mount that a path lies on, wherever that mount begins. */
  | { op: "parentPropagation"; path: string; propagation: string }
  | { op: "pivotRoot"; newRoot: string; putOld: string }
  | { op: "umount"; target: string; flags: string[] }
  /** mount(2) MS_MOVE of the working directory over /, then chroot(2) into it: where there is no pivoting. */
  | { op: "moveRoot" }
  /** chroot(2), and into its /. */
  | { op: "chroot"; path: string }
  /** A directory kept in a slot by O_PATH, open(2), and fchdir(2) to it. */
  | { op: "openPath"; path: string; slot: string }
  | { op: "fchdir"; slot: string }
  /** Empties a slot. */
  | { op: "close"; slot: string }
  /** With `retry`, only where the last attempt failed. */
  | { op: "chdir"; path: string; retry?: boolean }
  /** A directory or a file, as the detached mount in the slot is one, made as `mkdir` and `touch` do. */
  | { op: "mountPoint"; slot: string; path: string }
  /** mkdir(2) for each missing component, symbolic links followed inside the current root. */
  | { op: "mkdir"; path: string; mode: number }
  /** The same, but no symbolic link may be on the way (openat2(2), RESOLVE_NO_SYMLINKS). */
  | { op: "ensureDirectory"; path: string }
  /** An empty file where there is none, its directories made, symbolic links followed inside the current root. */
  | { op: "touch"; path: string; mode: number }
  /** mknod(2); what is there already must be the same device. */
  | { op: "mknod"; path: string; type: "c" | "b" | "p"; mode: number; major: number; minor: number }
  | { op: "chown"; path: string; uid: number; gid: number }
  | { op: "symlink"; target: string; path: string }
  /** Hides a path: /dev/null bound over a file, an empty read-only tmpfs over a directory. */
  | { op: "mask"; path: string }
  | { op: "sethostname"; name: string }
  | { op: "setdomainname"; name: string }
  /** unshare(2) CLONE_NEWTIME, its offsets (timens_offsets) and setns(2) to it: time_namespaces(7), Linux 5.6. */
  | { op: "timeNamespace"; offsets: string | null }
  | { op: "linkUp"; link: string }
  /** A pty from the container's own devpts: the master goes to the monitor, the slave into slots stdin/stdout/stderr. */
  | { op: "openPty"; rows: number; columns: number }
  /** Binds the pty's slave over a path, /dev/console. */
  | { op: "bindConsole"; path: string }
  | { op: "setsid" }
  /** ioctl(2) TIOCSCTTY on descriptor 0. */
  | { op: "setControllingTerminal" }
  /** dup2(2) of a slot onto a standard descriptor. */
  | { op: "dup2"; fd: string; to: number }
  /** Those of descriptors 0, 1 and 2 that are the host's /dev/null become the container's own. */
  | { op: "reopenNull" }
  /** fchown(2) of descriptors 0, 1 and 2, so that the container's user can reopen /dev/stdout; the groups stay. */
  | { op: "chownStdio"; uid: number }
  /** fchown(2) of what is in a slot, unless that is /dev/null; the group stays. */
  | { op: "chownStream"; slot: string; uid: number }
  | { op: "setrlimit"; resource: string; soft: number; hard: number }
  | { op: "umask"; mask: number }
  /** personality(2). */
  | { op: "personality"; domain: string; flags: string[] }
  /** ioprio_set(2) of this process. */
  | { op: "ioPriority"; class: string; priority: number }
  /** sched_setattr(2); nanoseconds. */
  | {
      op: "scheduler";
      policy: string;
      flags: string[];
      nice: number;
      priority: number;
      runtime: number;
      deadline: number;
      period: number;
    }
  /** sched_setaffinity(2): a CPU list as in cpuset(7); null is every CPU there is. */
  | { op: "cpuAffinity"; cpus: string | null }
  /** set_mempolicy(2): a list of nodes as cpuset(7) writes them, or none. */
  | { op: "memoryPolicy"; mode: string; flags: string[]; nodes: string | null }
  /** keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: the one of that name, or null for a new one that has none. */
  | { op: "sessionKeyring"; name: string | null }
  | { op: "prctl"; option: string; value: number }
  /** prctl(2) PR_CAPBSET_DROP for every capability that is not named. */
  | { op: "capBoundingSet"; keep: string[] }
  | { op: "capset"; effective: string[]; permitted: string[]; inheritable: string[] }
  /** prctl(2) PR_CAP_AMBIENT_RAISE for each. */
  | { op: "capAmbient"; raise: string[] }
  | { op: "setgroups"; gids: number[] }
  | { op: "setresgid"; gid: number }
  | { op: "setresuid"; uid: number }
  /** setfsuid(2), setfsgid(2), and capset(2): the effective capabilities stay those that are permitted. */
  | { op: "setFsIds"; uid: number; gid: number }
  /** seccomp(2) SECCOMP_SET_MODE_FILTER; the program is struct sock_filter[], base64. */
  | { op: "seccomp"; program: string; flags: string[] }
  /** close_range(2), Linux 5.9, of every descriptor from `first` up, but for the one that tells of a failed execve. */
  | { op: "closeRange"; first: number }
  /** Whether one of the candidates can be executed: faccessat(2). */
  | { op: "findProgram"; candidates: string[] }
  /** execve(2) of the first candidate that exists, as execvp(3) would search PATH. */
  | { op: "execve"; candidates: string[]; argv: string[]; envp: string[] };

export type StepOp = StepAction["op"];

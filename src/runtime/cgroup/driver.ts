/**
 * What the rest of tsrun asks of control groups, and the one interface behind which cgroup v2 and v1 differ.
 *
 * A container's cgroup has a path such as `/tsrun/<id>`, relative to the hierarchy's mount point. `create()` makes
 * the directory (on v1: one per controller), enables the controllers that the resources need and writes the limits;
 * nothing runs in it yet. The returned Cgroup tells the Plan how the first process joins: on v2 clone3(2) starts it
 * there (CLONE_INTO_CGROUP, Linux 5.7), on v1 the child writes "0" to each `tasks` file before it does anything
 * else. A limit that this host cannot apply is an error that names the controller and how to enable it, thrown
 * before any directory is left behind; it is never dropped silently.
 *
 * Both drivers pass the same conformance suite (test/integration/cgroup.test.ts).
 */
import type { OciResources } from "../oci.ts";
import type { Words } from "./words.ts";

export interface CgroupDriver {
  readonly version: 1 | 2;
  /** Makes the cgroup at `path` ("/tsrun/<id>"), with its limits; throws TsrunError ERR_TSRUN_CGROUP_*. */
  create(path: string, resources: OciResources, options?: CreateOptions): Cgroup;
  /** Refuses what create() would refuse without asking the kernel: lacking controllers, limits that contradict. */
  validate(resources: OciResources, words?: Words): void;
  /** The cgroup that is already there, without touching it. */
  open(path: string): Cgroup;
}

export interface CreateOptions {
  /** In whose words the limits are: docker's where not told. */
  words?: Words;
  /**
   * One that is there already is taken as it is, and its other limits stay; v2: every controller of the host is enabled
   * for it. Otherwise an empty one is replaced.
   */
  adopt?: boolean;
}

export interface UpdateOptions {
  words?: Words;
  /** A memory limit alone sets the swap limit too, as it does in create(). */
  defaults?: boolean;
}

export interface Cgroup {
  readonly version: 1 | 2;
  readonly path: string;
  /** Absolute directories, deepest path of each hierarchy; what rmdir(2) has to remove when all is over. */
  readonly directories: readonly string[];
  /** v2: the directory to open for CLONE_INTO_CGROUP. v1: undefined, or that on the cgroup2 mount beside it. */
  readonly cloneInto: string | undefined;
  /**
   * v1: the files to which the child, which must have one thread only, writes "0" to join. They are the `tasks` files:
   * `cgroup.procs` waits for an RCU grace period, 5-15 ms, to hold off forks of a process with threads. v2: empty.
   */
  readonly procsFiles: readonly string[];
  /** The file and the key in it whose count rises with each OOM kill, for the monitor; undefined where none. */
  readonly oomCounter: { file: string; key: string } | undefined;
  /** The file that tells whether the cgroup is frozen, and what it begins with otherwise; undefined where it cannot be. */
  readonly freezer: { file: string; thawed: string } | undefined;
  /**
   * Changes limits of a running container; what is not named stays as it is, except for `defaults`. Where the kernel
   * refuses one, those before it are undone.
   */
  update(resources: OciResources, options?: UpdateOptions): void;
  stats(): CgroupStats;
  /** Process ids as this pid namespace sees them, of this cgroup and those below it. */
  pids(): number[];
  /** Sends SIGKILL to every process in it: cgroup.kill (Linux 5.14), else freeze, signal each, thaw. */
  kill(): void;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Whether its processes are held by the freezer, or about to be; false where the cgroup is gone. */
  frozen(): boolean;
  /** Removes the directories, waiting up to a second for the last process to be gone; no error if already gone. */
  remove(): Promise<void>;
}

/**
 * Counters since the cgroup was made; bytes and nanoseconds. A field is undefined where its controller is absent, a
 * limit also where there is none.
 */
export interface CgroupStats {
  cpuNanoseconds: number | undefined;
  memoryBytes: number | undefined;
  /** Inactive file cache, which `docker stats` subtracts from memory use. */
  memoryInactiveFileBytes: number | undefined;
  memoryLimitBytes: number | undefined;
  pids: number | undefined;
  pidsLimit: number | undefined;
  blockReadBytes: number | undefined;
  blockWriteBytes: number | undefined;
  oomKills: number | undefined;
}

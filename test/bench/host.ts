/** The bench's own host: inside scripts/test-host, with copies of the folders that peers write into regardless. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const testHost = fileURLToPath(new URL("../../scripts/test-host", import.meta.url));

/** Runs this program again inside scripts/test-host, as root, and ends with its exit status; returns when inside. */
export function enterTestHost(): void {
  if (process.env.TSRUN_TEST_HOST === "1") return;
  const root = process.getuid?.() === 0 ? [] : ["sudo"];
  const [program, ...args] = [...root, testHost, process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync(program as string, args, { stdio: "inherit" });
  process.exit(status ?? 1);
}

/**
 * Docker's key, podman's address leases: they go into copies below `dir`, mounted over the folders that the peers
 * write into whatever they are told. The function that it returns takes them away again.
 */
export function shadowFolders(dir: string): () => void {
  const undo: (() => void)[] = [];
  for (const folder of ["/etc/docker", "/etc/cni", "/var/lib/cni", "/var/lib/containers"]) {
    const copy = join(dir, "shadow", folder);
    mkdirSync(copy, { recursive: true });
    const made = !existsSync(folder);
    if (made) mkdirSync(folder);
    else cpSync(folder, copy, { recursive: true });
    const { status } = spawnSync("mount", ["--bind", copy, folder]);
    if (status !== 0) throw new Error(`cannot mount a copy over ${folder}`);
    undo.push(() => {
      spawnSync("umount", ["-l", folder]);
      if (made) rmdirSync(folder);
    });
  }
  return () => {
    for (const step of undo) step();
  };
}

/**
 * Makes a hybrid host a cgroup v1 one, in the bench's own mount namespace: crun 1.8, and podman with it, refuses to
 * run where cgroup2 has a controller beside mounted v1 ones. All peers see the same host.
 */
export function hideHybridCgroup(): void {
  if (existsSync("/sys/fs/cgroup/unified")) spawnSync("umount", ["-l", "/sys/fs/cgroup/unified"]);
}

/** Unmounts what is mounted below `dir`, then removes it. */
export function removeTree(dir: string): void {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const below = mounts.map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(`${dir}/`));
  for (const path of below.reverse()) spawnSync("umount", ["-l", path]);
  rmSync(dir, { recursive: true, force: true });
}

const hierarchies = (): string[] => {
  const entries = readdirSync("/sys/fs/cgroup", { withFileTypes: true });
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join("/sys/fs/cgroup", entry.name));
  return ["/sys/fs/cgroup", ...folders];
};

/** Groups that peers make outside of the bench's own, where they are not there yet. */
export function absentCgroups(): string[] {
  const groups = hierarchies().flatMap((hierarchy) => [
    join(hierarchy, "libpod_parent"),
    join(hierarchy, "tsrun"),
  ]);
  return groups.filter((group) => !existsSync(group));
}

/** Removes the bench's own groups, also those that a killed bench left, and what was absent before. */
export function removeCgroups(absentBefore: string[]): void {
  const peers = ["docker", "podman", "runc", "crun"];
  const own = hierarchies().flatMap((hierarchy) =>
    peers.map((peer) => join(hierarchy, `tsrun-bench-${peer}`)),
  );
  for (const group of [...own, ...absentBefore]) {
    if (!existsSync(group)) continue;
    if (CGROUP_FILESYSTEMS.has(statfsSync(group).type)) removeGroup(group);
    // conmon makes folders and files also where a hierarchy could be mounted and is not.
    else rmSync(group, { recursive: true });
  }
}

/** statfs(2), f_type: CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC. */
const CGROUP_FILESYSTEMS: ReadonlySet<number> = new Set([0x27e0eb, 0x63677270]);

function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  try {
    rmdirSync(group);
  } catch {
    // Busy: somebody else's process is in it, and it is theirs to remove.
  }
}

/** The bench's own host: inside scripts/test-host, with copies of the folders that peers write into regardless. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
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

/** Docker's key, podman's address leases: gone with the mount namespace instead of left on the machine. */
export function shadowFolders(dir: string): void {
  for (const folder of ["/etc/docker", "/etc/cni", "/var/lib/cni", "/var/lib/containers", "/opt"]) {
    if (!existsSync(folder)) continue;
    const copy = join(dir, "shadow", folder);
    mkdirSync(copy, { recursive: true });
    if (folder !== "/opt") cpSync(folder, copy, { recursive: true });
    spawnSync("mount", ["--bind", copy, folder]);
  }
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

/** The groups that containers were put into, in every hierarchy; `before` are those that the machine had already. */
export function removeCgroups(before: Set<string>): void {
  for (const group of benchCgroups()) if (!before.has(group)) removeGroup(group);
}

/** cgroup directories that the peers of the bench make. */
export function benchCgroups(): string[] {
  const hierarchies = readdirSync("/sys/fs/cgroup", { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const parents = ["/sys/fs/cgroup", ...hierarchies.map((entry) => join("/sys/fs/cgroup", entry.name))];
  const names = ["docker", "podman", "runc", "crun"].map((peer) => `tsrun-bench-${peer}`);
  const groups = parents.flatMap((parent) =>
    [...names, "libpod_parent", "tsrun"].map((name) => join(parent, name)),
  );
  return groups.filter((group) => existsSync(group));
}

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

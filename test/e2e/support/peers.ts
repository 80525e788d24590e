/** Docker, podman and buildah as Debian packages them, with data of their own, to exchange images with. */
import { type ChildProcess, execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { removeTree, shadowFolders } from "../../bench/host.ts";
import { startDaemon, stopDaemon, until } from "../../bench/process.ts";

type Run = (...args: string[]) => Promise<string>;

/** Standard output of commands that have to succeed. */
export interface Peers {
  docker: Run;
  podman: Run;
  buildah: Run;
  stop(): Promise<void>;
}

const SOCKET = "unix:///run/peers-docker.sock";
const CONTAINERD = "/run/peers-containerd.sock";
const CGROUP = "peers-of-tests";
const CGROUPS = "/sys/fs/cgroup";
/** Crun 1.8, and podman with it, refuses to run where cgroup2 has a controller beside mounted v1 ones. */
const WITHOUT_HYBRID = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';

/** Starts what has to be started; `registries` are those that may be spoken to without TLS. */
export async function startPeers(registries: readonly string[]): Promise<Peers> {
  const dir = mkdtempSync(join(tmpdir(), "peers-"));
  const unshadow = shadowFolders(dir);
  const groups = podmanGroups();
  const containerd = startDaemon(
    [
      ...["containerd", "--root", join(dir, "containerd"), "--state", "/run/peers-containerd"],
      ...["--address", CONTAINERD, "--log-level", "error"],
    ],
    join(dir, "containerd.log"),
  );
  await until("containerd", 20, { argv: ["test", "-S", CONTAINERD] });
  const dockerd = startDaemon(
    [
      ...["dockerd", "--containerd", CONTAINERD, "-H", SOCKET],
      ...["--data-root", join(dir, "docker"), "--exec-root", "/run/peers-docker"],
      ...["--pidfile", "/run/peers-docker.pid", "--storage-driver", "overlay2"],
      ...["--bridge", "none", "--iptables=false", "--ip6tables=false"],
      ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--oom-score-adjust", "0"],
      ...["--cgroup-parent", `/${CGROUP}`],
      ...registries.flatMap((registry) => ["--insecure-registry", registry]),
    ],
    join(dir, "dockerd.log"),
  );
  const docker = ["/usr/bin/docker", "-H", SOCKET];
  await until("dockerd", 60, { argv: [docker[0] as string, ...docker.slice(1), "version"] });

  const storage = ["--root", join(dir, "podman"), "--storage-driver", "overlay"];
  const podman = ["podman", ...storage, "--runroot", "/run/peers-podman", "--tmpdir", "/run/peers-libpod"];
  podman.push("--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "crun");
  const buildah = ["buildah", ...storage, "--runroot", "/run/peers-podman"];
  const env = { ...process.env, ...podmanFiles(dir, registries) };
  const inNamespace = ["unshare", "-m", "sh", "-c", WITHOUT_HYBRID, "sh"];
  const run =
    (command: string[]): Run =>
    async (...args) => {
      const [program, ...rest] = [...command, ...args];
      return (await promisify(execFile)(program as string, rest, { env })).stdout.trim();
    };
  return {
    docker: run(docker),
    podman: run([...inNamespace, ...podman]),
    buildah: run([...inNamespace, ...buildah]),
    stop: () => stop({ dir, daemons: [dockerd, containerd], unshadow, groups }),
  };
}

/** Files that stand in for those of the machine: limits that root without CAP_SYS_RESOURCE can set, and registries. */
function podmanFiles(dir: string, registries: readonly string[]): Record<string, string> {
  const containers = join(dir, "containers.conf");
  writeFileSync(containers, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const file = join(dir, "registries.conf");
  writeFileSync(
    file,
    registries.map((name) => `[[registry]]\nlocation = "${name}"\ninsecure = true\n`).join("\n"),
  );
  mkdirSync(join(dir, "home"));
  return { CONTAINERS_CONF: containers, CONTAINERS_REGISTRIES_CONF: file, HOME: join(dir, "home") };
}

const hierarchies = (): string[] => [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))];

/** The groups that podman makes beside those that it is told of. */
const podmanGroups = (): string[] =>
  hierarchies()
    .map((hierarchy) => join(hierarchy, "libpod_parent"))
    .filter((path) => !existsSync(path));

interface Started {
  dir: string;
  daemons: ChildProcess[];
  unshadow: () => void;
  groups: string[];
}

async function stop({ dir, daemons, unshadow, groups }: Started): Promise<void> {
  for (const daemon of daemons) await stopDaemon(daemon);
  unshadow();
  removeTree(dir);
  for (const hierarchy of hierarchies()) removeGroup(join(hierarchy, CGROUP));
  for (const group of groups) removeGroup(group);
}

function removeGroup(group: string): void {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  try {
    rmdirSync(group);
  } catch {
    // Busy: a process of another test host is in it.
  }
}

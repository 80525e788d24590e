/**
 * Docker, podman, buildah and skopeo as Debian packages them, for tests that exchange images with them: each with data and
 * state of its own, none with a network. They write into some folders of the system whatever they are told: these are
 * empty filesystems in a mount namespace of the tool's own, where it also sees a cgroup v1 host (crun 1.8 refuses one
 * where cgroup2 has a controller beside mounted v1 hierarchies).
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** Runs it and returns standard output without its last newline; throws with its error output where it fails. */
export type Tool = (...args: string[]) => Promise<string>;

export interface OtherTools {
  docker: Tool;
  podman: Tool;
  /** Of the same storage as podman. */
  buildah: Tool;
  skopeo: Tool;
  stop(): Promise<void>;
}

const APART = `
  for folder in /etc/docker /etc/cni /var/lib/cni /var/lib/containers; do
    if [ -d $folder ]; then mount -t tmpfs none $folder; fi
  done
  if [ -d /sys/fs/cgroup/unified ]; then umount -l /sys/fs/cgroup/unified; fi
  exec "$@"`;
const apart = (argv: readonly string[]): string[] => ["--mount", "sh", "-c", APART, "sh", ...argv];

const run = promisify(execFile);
const START_MS = 30_000;

/** Files of the tools are below `directory`; `daemon` are further flags of dockerd, `env` is of all commands. */
export async function startOtherTools(
  directory: string,
  { daemon: flags = [], env: common = {} }: { daemon?: readonly string[]; env?: Record<string, string> } = {},
): Promise<OtherTools> {
  mkdirSync(directory, { recursive: true });
  const call = async (argv: string[], env: Record<string, string> = {}): Promise<string> => {
    const options = { env: { ...process.env, ...common, ...env }, maxBuffer: 1 << 26 };
    return (await run("unshare", apart(argv), options)).stdout.replace(/\n$/, "");
  };
  const cgroup = `tsrun-test-${process.pid}`;
  const daemon = await startDocker(directory, cgroup, flags);
  return {
    docker: (...args) => call(["/usr/bin/docker", "-H", `unix://${daemon.socket}`, ...args]),
    ...podmanIn(directory, call),
    skopeo: (...args) => call(["skopeo", ...args]),
    async stop() {
      await daemon.stop();
      removeCgroups(cgroup);
    },
  };
}

async function startDocker(
  directory: string,
  cgroup: string,
  flags: readonly string[],
): Promise<{ socket: string; stop(): Promise<void> }> {
  const path = (name: string) => join(directory, name);
  const socket = path("docker.sock");
  const dockerd = start(path("dockerd.log"), [
    "dockerd",
    ...["-H", `unix://${socket}`],
    ...["--data-root", path("docker"), "--exec-root", path("docker-exec"), "--pidfile", path("docker.pid")],
    ...["--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs"],
    // Lowering the score needs CAP_SYS_RESOURCE, which not every root has.
    ...["--oom-score-adjust", "0", "--cgroup-parent", `/${cgroup}`, "--bridge", "none", "--iptables=false"],
    ...flags,
  ]);
  const answers = () =>
    run("/usr/bin/docker", ["-H", `unix://${socket}`, "version"]).then(
      () => true,
      () => false,
    );
  await until(answers, path("dockerd.log"));
  return { socket, stop: dockerd.stop };
}

function podmanIn(
  directory: string,
  call: (argv: string[], env: Record<string, string>) => Promise<string>,
): { podman: Tool; buildah: Tool } {
  const path = (name: string) => join(directory, name);
  // Buildah keeps a cache there.
  mkdirSync(path("tmp"), { recursive: true });
  // Podman raises the limits as root, which fails where root has no CAP_SYS_RESOURCE.
  const limits = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n';
  writeFileSync(path("containers.conf"), limits);
  const storage = ["--root", path("podman"), "--runroot", path("podman-run"), "--storage-driver", "overlay"];
  const podman = ["podman", ...storage, "--tmpdir", path("podman-tmp"), "--cgroup-manager", "cgroupfs"];
  podman.push("--events-backend", "file", "--runtime", "crun");
  const tool =
    (command: string[]): Tool =>
    (...args) =>
      call([...command, ...args], { CONTAINERS_CONF: path("containers.conf"), TMPDIR: path("tmp") });
  return { podman: tool(podman), buildah: tool(["buildah", ...storage]) };
}

/** The kernel ends it when the test dies (prctl(2), PR_SET_PDEATHSIG, which unshare passes on). */
function start(log: string, argv: string[]): { stop(): Promise<void> } {
  const out = openSync(log, "w");
  const command = ["--pdeathsig", "TERM", "unshare", ...apart(argv)];
  const child = spawn("setpriv", command, { stdio: ["ignore", out, out] });
  closeSync(out);
  const ended = once(child, "exit");
  return {
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function until(ready: () => boolean | Promise<boolean>, log: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (!(await ready())) {
    if (Date.now() > deadline) throw new Error(`not within ${START_MS} ms:\n${readFileSync(log, "utf8")}`);
    await sleep(50);
  }
}

function removeCgroups(name: string): void {
  for (const hierarchy of readdirSync("/sys/fs/cgroup")) removeGroup(join("/sys/fs/cgroup", hierarchy, name));
}

function removeGroup(group: string): void {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  rmdirSync(group);
}

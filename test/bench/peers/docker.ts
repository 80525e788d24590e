/** Docker as Debian packages it: a dockerd and a containerd of the bench's own. */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { Command, Peer, World } from "../peer.ts";
import { startDaemon, stopDaemon, until } from "../process.ts";

const socket = "unix:///run/bench-docker.sock";
const containerdSocket = "/run/bench-containerd.sock";
const sleeper = "bench-docker-sleeper";

// Debian's by full name: a newer static client may come first on PATH, and does not match this daemon.
const docker = (...args: string[]): Command => ({ argv: ["/usr/bin/docker", "-H", socket, ...args] });

export function dockerPeer(): Peer {
  let containerd: ChildProcess | undefined;
  let dockerd: ChildProcess | undefined;
  return {
    name: "docker",
    programs: ["/usr/bin/docker", "dockerd", "containerd"],

    async start({ dir, registry }: World) {
      const containerdArgs = ["--root", join(dir, "containerd"), "--state", "/run/bench-containerd"];
      containerd = startDaemon(
        ["containerd", ...containerdArgs, "--address", containerdSocket, "--log-level", "error"],
        join(dir, "containerd.log"),
      );
      await until("containerd", 20, { argv: ["test", "-S", containerdSocket] });
      dockerd = startDaemon(
        [
          "dockerd",
          ...["--containerd", containerdSocket, "-H", socket],
          ...["--data-root", join(dir, "docker"), "--exec-root", "/run/bench-docker"],
          ...["--pidfile", "/run/bench-docker.pid", "--storage-driver", "overlay2"],
          // No systemd is asked for, and lowering the score needs CAP_SYS_RESOURCE, which not every root has.
          ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--oom-score-adjust", "0"],
          ...["--cgroup-parent", "/tsrun-bench-docker", "--insecure-registry", registry],
        ],
        join(dir, "dockerd.log"),
      );
      await until("dockerd", 30, docker("version"));
    },

    async stop() {
      await stopDaemon(dockerd);
      await stopDaemon(containerd);
    },

    pull: (image) => docker("pull", "--quiet", image),
    removeImage: (image) => docker("rmi", "--force", image),
    build: (context, { anew }) =>
      docker("build", "--quiet", ...(anew ? ["--no-cache"] : []), "--tag", "bench-build", context),
    run: (image, network) => docker("run", "--rm", "--network", network, image, "true"),
    startSleeper: (image) =>
      docker("run", "--detach", "--network", "none", "--name", sleeper, image, "sleep", "100000"),
    exec: () => docker("exec", sleeper, "true"),
    removeSleeper: () => docker("rm", "--force", sleeper),

    crowd: {
      start: (image, name) => docker("run", "-d", "--name", name, image, "sleep", "100000"),
      list: () => docker("ps", "--format", "{{.Names}}"),
      remove: (names) => docker("rm", "--force", ...names),
      attendant: /^\S*containerd-shim-runc-v2 /,
    },

    wire: {
      start: (image, name, publish) =>
        docker(
          ...["run", "-d", "--name", name],
          ...(publish ? ["-p", `127.0.0.1:${publish.hostPort}:${publish.containerPort}`] : []),
          ...[image, "sleep", "100000"],
        ),
      look: (name) => docker("inspect", "-f", "{{.State.Pid}} {{.NetworkSettings.IPAddress}}", name),
      remove: (names) => docker("rm", "--force", ...names),
    },
  };
}

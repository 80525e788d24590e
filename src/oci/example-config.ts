/** A configuration to start from (`spec`): a shell on a terminal, with what a process needs and little else. */
import type { OciConfig, OciMount, OciNamespaceType } from "../runtime/oci.ts";

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const ISOLATED = ["nosuid", "noexec", "nodev"];
const SHARED_MEMORY = "size=65536k";

/** As it is written to config.json: what the specification leaves open is absent. */
export interface ExampleConfig extends Omit<OciConfig, "process"> {
  process: unknown;
}

/** `unified`: the host has cgroup v2 alone, on which a namespace shows the container its own part of the tree. */
export function exampleConfig(ociVersion: string, { unified }: { unified: boolean }): ExampleConfig {
  const namespaces: OciNamespaceType[] = ["pid", "network", "ipc", "uts", "mount"];
  if (unified) namespaces.push("cgroup");
  return {
    ociVersion,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "tsrun",
    mounts: mounts(),
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: namespaces.map((type) => ({ type })),
      maskedPaths: [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/sys/firmware",
        "/proc/scsi",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

function mounts(): OciMount[] {
  const mount = (destination: string, type: string, options?: string[]): OciMount => ({
    destination,
    type,
    source: type,
    ...(options && { options }),
  });
  return [
    mount("/proc", "proc"),
    mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", SHARED_MEMORY]),
    mount("/dev/pts", "devpts", [
      ...["nosuid", "noexec", "newinstance"],
      ...["ptmxmode=0666", "mode=0620", "gid=5"],
    ]),
    { ...mount("/dev/shm", "tmpfs", [...ISOLATED, "mode=1777", SHARED_MEMORY]), source: "shm" },
    mount("/dev/mqueue", "mqueue", ISOLATED),
    mount("/sys", "sysfs", [...ISOLATED, "ro"]),
    mount("/sys/fs/cgroup", "cgroup", [...ISOLATED, "relatime", "ro"]),
  ];
}

/**
 * For a user without privileges, who is root in a user namespace: without limits, without a network of its own, and with
 * the host's /sys, because a new one belongs to a network namespace.
 */
export function rootlessConfig(
  config: ExampleConfig,
  { uid, gid }: { uid: number; gid: number },
): ExampleConfig {
  const { resources: _, namespaces, ...linux } = config.linux;
  const kept = namespaces.filter(({ type }) => type !== "network" && type !== "user");
  return {
    ...config,
    mounts: config.mounts.map(withoutPrivileges),
    linux: {
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...kept, { type: "user" }],
      ...linux,
    },
  };
}

/** One id is mapped: a mount for another one's group fails. */
function withoutPrivileges(mount: OciMount): OciMount {
  if (mount.destination === "/sys") {
    return { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...ISOLATED, "ro"] };
  }
  const { options, ...rest } = mount;
  return { ...rest, ...(options && { options: options.filter((option) => !/^[ug]id=/.test(option)) }) };
}

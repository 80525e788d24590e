/** What every container needs of a host. */
import { type Finding, install, missing, ok } from "./finding.ts";
import type { HostView } from "./host-view.ts";

type Rule = (host: HostView) => Finding;

/** mount_setattr(2). */
const FLOOR = [5, 12] as const;

const kernel: Rule = ({ kernel: release }) => {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const recent = major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1]);
  return recent
    ? ok("kernel", release)
    : missing("kernel", `${release} is older than ${FLOOR.join(".")}`, "upgrade the distribution");
};

const overlay: Rule = (host) =>
  /\boverlay$/m.test(host.read("/proc/filesystems") ?? "")
    ? ok("overlay filesystem", "images are mounted with it")
    : missing("overlay filesystem", "no container can start without it", "sudo modprobe overlay");

const seccomp: Rule = (host) =>
  host.exists("/proc/sys/kernel/seccomp/actions_avail")
    ? ok("seccomp", "system calls are filtered")
    : missing(
        "seccomp",
        "containers start with --security-opt seccomp=unconfined only",
        "boot a kernel that has CONFIG_SECCOMP_FILTER",
      );

const libseccomp: Rule = (host) =>
  host.library("libseccomp.so.2")
    ? ok("libseccomp", "compiles filters")
    : missing("libseccomp", "filters cannot be compiled", install(host, "libseccomp2"));

const libnftables: Rule = (host) =>
  host.library("libnftables.so.1")
    ? ok("libnftables", "writes the rules of networks")
    : missing("libnftables", "only --network none and host work", install(host, "libnftables1"));

const ps: Rule = (host) =>
  host.program("ps") !== undefined
    ? ok("ps", "`tsrun top` shows what it says")
    : missing("ps", "`tsrun top` does not work", install(host, "procps"));

const CONTROLLERS = ["cpu", "cpuset", "memory", "pids"] as const;

const controllers: Rule = (host) => {
  const v2 = host.read("/sys/fs/cgroup/cgroup.controllers");
  // On v1 the hierarchies are mounted one by one; /proc/cgroups has whether the kernel has them enabled.
  const available =
    v2?.split(/\s+/) ??
    (host.read("/proc/cgroups") ?? "")
      .split("\n")
      .flatMap((line) => (/\t1$/.test(line) ? line.split("\t", 1) : []));
  const lacking = CONTROLLERS.filter((name) => !available.includes(name));
  if (lacking.length === 0)
    return ok("cgroup controllers", `${CONTROLLERS.join(", ")} (cgroup v${v2 === undefined ? 1 : 2})`);
  return missing(
    "cgroup controllers",
    `limits of ${lacking.join(", ")} are refused`,
    `add to the kernel's command line: ${lacking.map((name) => `cgroup_enable=${name}`).join(" ")}`,
  );
};

export const hostRules: readonly Rule[] = [
  kernel,
  overlay,
  seccomp,
  libseccomp,
  libnftables,
  ps,
  controllers,
];

/** `--sysctl`: only what a namespace of the container keeps apart from the host's. */
import { TsrunError } from "../errors.ts";
import { dottedSysctl, isIpcSysctl, sysctlPath } from "../runtime/sysctl-names.ts";

/**
 * What a network namespace of its own makes safe to allow: ports below 1024 and ICMP echo sockets belong to the
 * container alone, so they need no capability there.
 */
const NETWORK_DEFAULTS = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

interface OwnNamespaces {
  ownNetwork: boolean;
  /** True where it is not said. */
  ownIpc?: boolean;
}

/**
 * The sysctls to write, defaults included, their names with dots as sysctl(8) prints them: a slash stands for a dot
 * in an interface's name (net.ipv4.conf.eth0/1.rp_filter). Throws ERR_TSRUN_SYSCTL_INVALID for one that would reach the host.
 */
export function resolveSysctls(
  asked: Readonly<Record<string, string>>,
  namespaces: OwnNamespaces,
): Record<string, string> {
  const sysctls: Record<string, string> = namespaces.ownNetwork ? { ...NETWORK_DEFAULTS } : {};
  for (const [written, value] of Object.entries(asked)) {
    const name = dottedSysctl(written);
    validate(name, namespaces);
    sysctls[name] = value;
  }
  return sysctls;
}

function validate(name: string, namespaces: OwnNamespaces): void {
  const namespaced = isIpcSysctl(name) || name.startsWith("net.");
  // The name becomes a path below /proc/sys, which it must not leave.
  const components = sysctlPath(name).split("/");
  if (
    !namespaced ||
    components.some((component) => ["", ".", ".."].includes(component) || component.includes("\0"))
  ) {
    throw new TsrunError("ERR_TSRUN_SYSCTL_INVALID", `sysctl '${name}' is not allowed`, {
      hint: "only sysctls of the container's own namespaces can be set: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*",
    });
  }
  if (name.startsWith("net.") && !namespaces.ownNetwork) {
    throw new TsrunError(
      "ERR_TSRUN_SYSCTL_INVALID",
      `sysctl '${name}' not allowed in host network namespace`,
      {
        hint: "leave out --network host, or set it on the host with sysctl(8)",
      },
    );
  }
  if (isIpcSysctl(name) && namespaces.ownIpc === false) {
    throw new TsrunError(
      "ERR_TSRUN_SYSCTL_INVALID",
      `sysctl '${name}' is not allowed in the hosts ipc namespace`,
      {
        hint: "it is another's setting: leave out --ipc, or set it where that namespace comes from",
      },
    );
  }
}

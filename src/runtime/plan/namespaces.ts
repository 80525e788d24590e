/** Steps about namespaces and cgroups that every kind of Plan has in common. */
import type { OciConfig, OciNamespaceType } from "../oci.ts";
import type { NamespaceFlag, Step } from "./plan.ts";

export const NAMESPACE_FLAGS: Readonly<Record<OciNamespaceType, NamespaceFlag>> = {
  mount: "CLONE_NEWNS",
  pid: "CLONE_NEWPID",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  network: "CLONE_NEWNET",
  cgroup: "CLONE_NEWCGROUP",
  user: "CLONE_NEWUSER",
  time: "CLONE_NEWTIME",
};

/** Joins the cgroup of each controller of cgroup v1. */
export function cgroupJoinSteps({ procsFiles }: { procsFiles: readonly string[] }): Step[] {
  return procsFiles.map((path) => ({
    op: "writeFile",
    path,
    data: "0",
    why: "Joins the cgroup of this controller: 0 is the writer itself.",
  }));
}

export const OWN_CGROUP_STEP: Step = {
  op: "unshare",
  flags: ["CLONE_NEWCGROUP"],
  why: "After joining, so that the container's own cgroup is the root it sees (cgroup_namespaces(7)).",
};

export const LOOPBACK_STEP: Step = {
  op: "linkUp",
  link: "lo",
  why: "A new network namespace has only a loopback interface, and it is down.",
};

export function hostNameSteps({ hostname, domainname }: OciConfig): Step[] {
  const why = "Visible in this uts namespace only.";
  return [
    ...(hostname ? [{ op: "sethostname", name: hostname, why } satisfies Step] : []),
    ...(domainname ? [{ op: "setdomainname", name: domainname, why } satisfies Step] : []),
  ];
}

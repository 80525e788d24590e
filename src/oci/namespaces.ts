/** The namespaces of a container that are not the runtime's own. */
import type { OciConfig, OciNamespaceType } from "../runtime/oci.ts";
import type { NamespaceFlag } from "../runtime/plan/plan.ts";

const FLAGS: Readonly<Record<OciNamespaceType, NamespaceFlag>> = {
  user: "CLONE_NEWUSER",
  mount: "CLONE_NEWNS",
  pid: "CLONE_NEWPID",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  network: "CLONE_NEWNET",
  cgroup: "CLONE_NEWCGROUP",
};

/** What setns(2) is to be told to join them by a pidfd of the container's first process. */
export const joinedNamespaces = ({ linux }: OciConfig): NamespaceFlag[] =>
  linux.namespaces.map(({ type }) => FLAGS[type]);

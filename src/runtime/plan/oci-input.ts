/** What an OCI runtime's Plan is made from, and which descriptors its launcher has to bring. */
import type { OciConfig, OciIdMapping, OciMount, OciNamespaceType } from "../oci.ts";
import type { SeccompFilter } from "./identity.ts";
import type { CgroupView } from "./mounts.ts";

export interface OciPlanInput {
  config: OciConfig;
  /** Absolute path of the bundle, which a relative root.path is below. */
  bundle: string;
  /** How the process joins its cgroup: cloned into the descriptor in slot "cgroup" (v2), or by these files (v1). */
  cgroup: { cloneInto: boolean; procsFiles: readonly string[]; view: CgroupView };
  seccomp: SeccompFilter | undefined;
  noPivot: boolean;
  noNewKeyring: boolean;
  /** "pty": one of the container's own, whose master goes to the executor; "inherit": the executor's descriptors. */
  terminal: "pty" | "inherit";
  /** How many descriptors from 3 on the process is to have: slots "preserve:0" and so on. */
  preserveFds: number;
  /** The container's; it names the session keyring. */
  id?: string;
  /** The executor has no privilege outside of the container's user namespace. */
  rootless?: boolean;
}

/** Slot of the FIFO, open for reading and writing, through which `start` sends its byte. */
export const START_SLOT = "start";

export const namespaceSlot = (type: OciNamespaceType): string => `ns:${type}`;

export const preserveSlots = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `preserve:${index}`);

export function hasNamespace({ linux }: OciConfig, type: OciNamespaceType): boolean {
  return linux.namespaces.some((namespace) => namespace.type === type);
}

/** Whether its root is that of a user namespace only: one of the container's, or the one that its caller is in. */
export const lacksHostRoot = ({ config, rootless = false }: OciPlanInput): boolean =>
  rootless || hasNamespace(config, "user");

/** Those that are there already, in their order. */
export function joinedNamespaces({ linux }: OciConfig): OciNamespaceType[] {
  return linux.namespaces.flatMap(({ type, path }) => (path ? [type] : []));
}

/** Those that are made for the container. */
export function newNamespaces({ linux }: OciConfig): OciNamespaceType[] {
  return linux.namespaces.flatMap(({ type, path }) => (path ? [] : [type]));
}

/** A user namespace that the launcher makes for idmapped mounts (openUserNamespace), in the slot of this name. */
export interface MountUserNamespace {
  slot: string;
  uidMappings: readonly OciIdMapping[];
  gidMappings: readonly OciIdMapping[];
}

const isIdmapOption = (option: string): boolean => option === "idmap" || option === "ridmap";

export const isIdmapped = ({ options = [], uidMappings }: OciMount): boolean =>
  uidMappings !== undefined || options.some(isIdmapOption);

/** The slot whose user namespace maps a mount's owners: its own one, or the container's where it has no mappings. */
export function idmapSlot(mount: OciMount, config: OciConfig): string {
  if (mount.uidMappings !== undefined) return `userns:${config.mounts.indexOf(mount)}`;
  return joinedNamespaces(config).includes("user") ? namespaceSlot("user") : "userns:container";
}

/** All that a Plan's idmapped mounts need, but for the container's own namespace where that is joined. */
export function mountUserNamespaces(config: OciConfig): MountUserNamespace[] {
  const { uidMappings = [], gidMappings = [] } = config.linux;
  const found = new Map<string, MountUserNamespace>();
  for (const mount of config.mounts.filter(isIdmapped)) {
    const slot = idmapSlot(mount, config);
    if (slot === namespaceSlot("user")) continue;
    const own = mount.uidMappings !== undefined;
    found.set(slot, {
      slot,
      uidMappings: own ? (mount.uidMappings ?? []) : uidMappings,
      gidMappings: own ? (mount.gidMappings ?? []) : gidMappings,
    });
  }
  return [...found.values()];
}

/** The slots that the launcher fills, in the order of Plan.fds: what replaces low descriptors comes first. */
export function launcherSlots({ config, cgroup, preserveFds }: OciPlanInput): string[] {
  return [
    ...preserveSlots(preserveFds),
    START_SLOT,
    ...(cgroup.cloneInto ? ["cgroup"] : []),
    ...joinedNamespaces(config).map(namespaceSlot),
    ...mountUserNamespaces(config).map(({ slot }) => slot),
  ];
}

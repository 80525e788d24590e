/** The host's side of a start: cgroup, network namespace, files, and from them the Plan. */
import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { BegunNetworkNamespace } from "../kernel/netns.ts";
import { isRootless } from "../kernel/rootless.ts";
import type { IdRange } from "../kernel/userns.ts";
import type { Reservation } from "../network/ports/reserve.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { Cgroup, CgroupDriver } from "../runtime/cgroup/driver.ts";
import type { MonitorPorts, MonitorResolver } from "../runtime/launch.ts";
import type { ContainerConfig } from "../runtime/oci.ts";
import { type ContainerPlanInput, containerPlan } from "../runtime/plan/container-plan.ts";
import { type CgroupView, ownUserNamespaceSlot, USERNS_SLOT } from "../runtime/plan/mounts.ts";
import type { Plan } from "../runtime/plan/plan.ts";
import type { Overlay } from "../runtime/plan/rootfs.ts";
import { layerName } from "../store/layers.ts";
import { containerDir, layersDir, type Paths } from "../store/paths.ts";
import { prepareBindSources } from "./bind-sources.ts";
import { prepareNetwork } from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { mountsOf } from "./mounts.ts";
import { isOwn, joinedContainers } from "./namespace-modes.ts";
import { writeNetworkFiles } from "./network-files.ts";
import {
  connections,
  hasOwnNetwork,
  hasPreparedNetwork,
  joinedContainer,
  resolvesNames,
} from "./network-mode.ts";
import type { PreparedPorts } from "./port-publishing.ts";
import { requestedPorts } from "./published-ports.ts";
import { containerFilter } from "./security.ts";
import type { ContainerRecord, Endpoint } from "./types.ts";
import type { MappedNamespaces } from "./userns/descriptors.ts";

export interface PreparedStart extends Disposable {
  plan: Plan;
  /** The descriptors that the Plan's slots name; closed by dispose. */
  fds: Record<string, number>;
  cgroup: Cgroup;
  networks: readonly Endpoint[];
  ports: MonitorPorts | undefined;
  /** The files that hold the container's addresses and tell of its connections. */
  networkFiles: readonly string[];
  warnings: readonly string[];
  /** undefined where the network is not its own; the sockets are closed by dispose. */
  resolver: MonitorResolver | undefined;
}

interface StartRequest {
  config: ContainerConfig;
  /** The ports that it publishes. */
  reservation: Reservation | undefined;
  /** Stop before execve. */
  pause?: boolean;
  /** The network namespace that it gets, where that is begun already. */
  network?: BegunNetworkNamespace | undefined;
  /** Its root, where that is not the container's own directory over its image's layers. */
  overlay?: Overlay;
}

/** Makes what the Plan needs to find on the host. The caller undoes it with releaseRuntime() if the start fails. */
export async function prepareStart(
  context: EngineContext,
  record: ContainerRecord,
  { config, reservation, pause = false, overlay, network: begun }: StartRequest,
): Promise<PreparedStart> {
  const fds: Record<string, number> = {};
  const cleanup: (() => void)[] = [];
  const dispose = (): void => {
    for (const close of cleanup.splice(0)) close();
  };
  prepareBindSources(mountsOf(record));
  try {
    const driver = detectCgroupDriver();
    const cgroup = driver.create(record.cgroupPath, config.linux.resources ?? {});
    if (cgroup.cloneInto !== undefined) {
      const fd = openSync(cgroup.cloneInto, constants.O_RDONLY | constants.O_DIRECTORY);
      cleanup.push(() => closeSync(fd));
      fds["cgroup"] = fd;
    }
    if (config.mounts.some(ownUserNamespaceSlot)) Object.assign(fds, await userNamespaces(config, cleanup));
    const mapped = await mappedNamespaces(record);
    if (mapped !== undefined) {
      cleanup.push(() => closeSync(mapped.user));
      fds[USERNS_SLOT] = mapped.user;
    }
    const network = await prepareNetwork(context, record, () => mapped?.network ?? begun?.take());
    if (network !== undefined) {
      cleanup.push(() => network[Symbol.dispose]());
      fds["netns"] = network.netns;
    }
    if (joinedContainers(record.options).length > 0)
      Object.assign(fds, await joinedNamespaces(context, record, cleanup));
    const networks = network?.attachment?.endpoints ?? [];
    const ports = await preparePorts(context, record, { reservation, endpoints: networks });
    if (ports !== undefined) cleanup.push(() => ports.close());
    if (joinedContainer(record.options) === undefined) writeNetworkFiles(context, record, networks);
    const input = await planInput(context, record, config);
    const plan = containerPlan({
      ...input,
      // What a build's step writes is going to be an image.
      ...(overlay && { overlay, marker: false }),
      cgroup: cgroupInput(cgroup, driver),
      pause,
    });
    return {
      plan,
      fds,
      cgroup,
      networks,
      ports: ports?.monitor,
      networkFiles: [...(network?.attachment?.files ?? []), ...(ports?.files ?? [])],
      warnings: [...(network?.attachment?.warnings ?? []), ...(ports?.warnings ?? [])],
      resolver: hasOwnNetwork(record.options)
        ? await nameServer(context, { netns: network?.netns, networks, cleanup })
        : undefined,
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The container's own user namespace, where it has one, and the network namespace that belongs to it. */
async function mappedNamespaces(record: ContainerRecord): Promise<MappedNamespaces | undefined> {
  if (record.userNamespace === undefined) return undefined;
  const { openMappedNamespaces } = await import("./userns/descriptors.ts");
  return openMappedNamespaces(record.userNamespace, { withNetwork: connections(record).length > 0 });
}

/** The namespaces of other containers, by their slots. */
async function joinedNamespaces(
  { paths }: EngineContext,
  record: ContainerRecord,
  cleanup: (() => void)[],
): Promise<Record<string, number>> {
  const { openJoinedNamespaces } = await import("./joined-namespaces.ts");
  const fds = openJoinedNamespaces(paths, record);
  for (const fd of Object.values(fds)) cleanup.push(() => closeSync(fd));
  return fds;
}

/** A user namespace for each mount whose owners are mapped, by its slot. */
async function userNamespaces(
  { mounts }: ContainerConfig,
  cleanup: (() => void)[],
): Promise<Record<string, number>> {
  const { openUserNamespace } = await import("../kernel/userns.ts");
  const fds: Record<string, number> = {};
  for (const mount of mounts) {
    const slot = ownUserNamespaceSlot(mount);
    if (slot === undefined) continue;
    const [uids, gids] = [mount.uidMappings, mount.gidMappings].map((ranges = []) =>
      ranges.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, size })),
    ) as [IdRange[], IdRange[]];
    const fd = openUserNamespace(uids, gids);
    cleanup.push(() => closeSync(fd));
    fds[slot] = fd;
  }
  return fds;
}

async function preparePorts(
  context: EngineContext,
  record: ContainerRecord,
  parts: { reservation: Reservation | undefined; endpoints: readonly Endpoint[] },
): Promise<PreparedPorts | undefined> {
  if (requestedPorts(record).length === 0) return undefined;
  const { publishContainerPorts } = await import("./port-publishing.ts");
  return publishContainerPorts(context, record, parts);
}

/**
 * What answers the container's questions for names: sockets where it is on a network on which names are resolved, and in
 * any case how to serve some, because it may be connected to such a network later.
 */
async function nameServer(
  { paths, resolver }: EngineContext,
  parts: { netns: number | undefined; networks: readonly Endpoint[]; cleanup: (() => void)[] },
): Promise<MonitorResolver> {
  const { netns, networks, cleanup } = parts;
  const told = { directory: paths.run, command: resolver() };
  if (netns === undefined || !networks.some(resolvesNames)) return told;
  const { openNameSockets } = await import("../network/dns/sockets.ts");
  const sockets = openNameSockets(netns);
  cleanup.push(() => sockets[Symbol.dispose]());
  return { ...told, fds: [sockets.udp, sockets.tcp] };
}

/** The part of the Plan's input that needs nothing made on the host. */
export async function planInput(
  context: EngineContext,
  record: ContainerRecord,
  config: ContainerConfig,
): Promise<Omit<ContainerPlanInput, "cgroup">> {
  return {
    config,
    overlay: overlayOf(context.paths, record),
    networkNamespace: hasPreparedNetwork(record),
    joined: joinedContainers(record.options).map(({ type }) => type),
    userNamespace: isRootless(),
    seccomp: await containerFilter(context, record.options),
    marker: true,
  };
}

function overlayOf(paths: Paths, record: ContainerRecord): Overlay {
  const layers = layersDir(paths);
  const part = (name: string): string => relative(layers, join(containerDir(paths, record.id), name));
  return {
    layersDir: layers,
    lower: record.layers.map(layerName).reverse(),
    upper: part("upper"),
    work: part("work"),
    merged: part("merged"),
    volatile: record.options.autoRemove ?? false,
    userXattr: isRootless(),
  };
}

/** How a process joins the cgroup, and what of it the container sees. */
export function cgroupInput(
  cgroup: Cgroup,
  driver: Pick<CgroupDriver, "version">,
): ContainerPlanInput["cgroup"] {
  return {
    cloneInto: cgroup.cloneInto !== undefined,
    procsFiles: cgroup.procsFiles,
    view: driver.version === 2 ? { version: 2 } : { version: 1, hierarchies: hierarchiesOf(cgroup) },
  };
}

/** The cgroup that the monitor empties in the end, where no pid namespace ends with the container. */
export function membersDirectory({ options }: ContainerRecord, cgroup: Cgroup): string | undefined {
  if (isOwn(options, "pid")) return undefined;
  return cgroup.freezer === undefined ? cgroup.directories[0] : dirname(cgroup.freezer.file);
}

/** On v1 each hierarchy is mounted on a directory named after its controllers, which are its mount options too. */
function hierarchiesOf(cgroup: Cgroup): Extract<CgroupView, { version: 1 }>["hierarchies"] {
  return cgroup.directories.map((directory) => {
    const name = basename(directory.slice(0, -cgroup.path.length));
    return { name, options: name };
  });
}

/** The host's side of a start: cgroup, network namespace, files, and from them the Plan. */
import { closeSync, constants, openSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { createNetworkNamespace } from "../kernel/netns.ts";
import type { IdRange } from "../kernel/userns.ts";
import { attachToBridge } from "../network/attach.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { Cgroup, CgroupDriver } from "../runtime/cgroup/driver.ts";
import type { OciConfig } from "../runtime/oci.ts";
import { type ContainerPlanInput, containerPlan } from "../runtime/plan/container-plan.ts";
import { type CgroupView, userNamespaceSlot } from "../runtime/plan/mounts.ts";
import type { Plan } from "../runtime/plan/plan.ts";
import type { Overlay } from "../runtime/plan/rootfs.ts";
import { writeDocument } from "../store/documents.ts";
import { layerName } from "../store/layers.ts";
import { containerDir, layersDir, type Paths } from "../store/paths.ts";
import { prepareBindSources } from "./bind-sources.ts";
import type { EngineContext } from "./context.ts";
import { mountsOf } from "./mounts.ts";
import { networkFilePaths, writeNetworkFiles } from "./network-files.ts";
import { isOwned } from "./ownership.ts";
import { compiledFilter } from "./security.ts";
import { networkStatePath } from "./state.ts";
import type { ContainerRecord, NetworkState } from "./types.ts";

export interface PreparedStart extends Disposable {
  plan: Plan;
  /** The descriptors that the Plan's slots name; closed by dispose. */
  fds: Record<string, number>;
  cgroup: Cgroup;
  network: NetworkState | undefined;
  /** The file that holds the container's address. */
  leasePath: string | undefined;
  warnings: readonly string[];
}

/** Makes what the Plan needs to find on the host. The caller undoes it with releaseRuntime() if the start fails. */
export async function prepareStart(
  context: EngineContext,
  record: ContainerRecord,
  { config, pause = false }: { config: OciConfig; pause?: boolean },
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
    if (config.mounts.some(userNamespaceSlot)) Object.assign(fds, await userNamespaces(config, cleanup));
    const connection = await connect(context, record, { fds, cleanup });
    writeNetworkFiles(networkFilePaths(containerDir(context.paths, record.id)), {
      options: record.options,
      config: context.config,
      hostname: record.hostname,
      network: connection?.state,
    });
    const input = await planInput(context, record, config);
    const plan = containerPlan({ ...input, cgroup: cgroupInput(cgroup, driver), pause });
    return {
      plan,
      fds,
      cgroup,
      network: connection?.state,
      leasePath: connection?.leasePath,
      warnings: connection?.warnings ?? [],
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** A user namespace for each mount whose owners are mapped, by its slot. */
async function userNamespaces(
  { mounts }: OciConfig,
  cleanup: (() => void)[],
): Promise<Record<string, number>> {
  const { openUserNamespace } = await import("../kernel/userns.ts");
  const fds: Record<string, number> = {};
  for (const mount of mounts) {
    const slot = userNamespaceSlot(mount);
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

type Connection = Awaited<ReturnType<typeof attachToBridge>>;

async function connect(
  context: EngineContext,
  record: ContainerRecord,
  { fds, cleanup }: { fds: Record<string, number>; cleanup: (() => void)[] },
): Promise<Connection | undefined> {
  if (!usesBridge(record)) return undefined;
  const netns = createNetworkNamespace();
  cleanup.push(() => netns[Symbol.dispose]());
  fds["netns"] = netns.fd;
  const connection = await attachToBridge(context, {
    containerId: record.id,
    netns,
    isAlive: (id) => isOwned(context.paths, id),
  });
  writeDocument(networkStatePath(context.paths, record.id), connection.state, { durable: false });
  return connection;
}

export function usesBridge(record: ContainerRecord): boolean {
  return (record.options.network ?? "bridge") === "bridge";
}

/** The part of the Plan's input that needs nothing made on the host. */
export async function planInput(
  context: EngineContext,
  record: ContainerRecord,
  config: OciConfig,
): Promise<Omit<ContainerPlanInput, "cgroup">> {
  return {
    config,
    overlay: overlayOf(context.paths, record),
    networkNamespace: usesBridge(record),
    seccomp: await compiledFilter(context, record.options, config.linux.seccomp),
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

/** On v1 each hierarchy is mounted on a directory named after its controllers, which are its mount options too. */
function hierarchiesOf(cgroup: Cgroup): Extract<CgroupView, { version: 1 }>["hierarchies"] {
  return cgroup.directories.map((directory) => {
    const name = basename(directory.slice(0, -cgroup.path.length));
    return { name, options: name };
  });
}

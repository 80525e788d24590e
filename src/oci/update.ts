/** update: other limits for a container that exists. */
import type { OciResources, OciThrottle } from "../runtime/oci.ts";
import { lock } from "../store/locks.ts";
import { reopenOciCgroup } from "./container-cgroup.ts";
import { notRunning } from "./errors.ts";
import { containerDirectory, readState, statusOf, writeState } from "./state.ts";

/**
 * Changes what is named and leaves the rest; devices stay as they are in any case. Where the kernel refuses a limit,
 * nothing has changed. Throws ERR_TSRUN_OCI_NOT_RUNNING, ERR_TSRUN_CGROUP_*.
 */
export async function updateContainer(
  root: string,
  id: string,
  { devices: _, ...changes }: OciResources,
): Promise<void> {
  readState(root, id); // an unknown container has no directory to lock
  using _lock = await lock(containerDirectory(root, id), { directory: true });
  const state = readState(root, id);
  if (statusOf(root, state) === "stopped") throw notRunning();
  reopenOciCgroup(state.cgroup).apply(changes);
  const { linux } = state.config;
  const resources = mergeResources(linux.resources ?? {}, changes);
  writeState(root, { ...state, config: { ...state.config, linux: { ...linux, resources } } });
}

/** Limit by limit, and device by device. */
export function mergeResources(old: OciResources, changes: OciResources): OciResources {
  const merged: Record<string, unknown> = { ...old };
  for (const [group, change] of Object.entries(changes)) {
    const before = merged[group];
    merged[group] = Array.isArray(change) ? change : { ...(before as object | undefined), ...change };
  }
  const resources = merged as OciResources;
  if (old.blockIO && changes.blockIO) resources.blockIO = mergeBlockIO(old.blockIO, changes.blockIO);
  return resources;
}

type BlockIO = NonNullable<OciResources["blockIO"]>;

function mergeBlockIO(old: BlockIO, changes: BlockIO): BlockIO {
  const merged: Record<string, unknown> = { ...old };
  for (const [field, change] of Object.entries(changes)) {
    const before = old[field as keyof BlockIO];
    merged[field] = Array.isArray(change) ? byDevice(Array.isArray(before) ? before : [], change) : change;
  }
  return merged as BlockIO;
}

type Device = Pick<OciThrottle, "major" | "minor">;

/** Of several for one device the last counts, and is the one that stays. */
function byDevice(old: readonly Device[], changes: readonly Device[]): Device[] {
  const devices = new Map<string, Device>();
  for (const each of [...old, ...changes]) {
    const key = `${each.major}:${each.minor}`;
    devices.set(key, { ...devices.get(key), ...each });
  }
  return [...devices.values()];
}

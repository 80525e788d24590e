import type { VolumeSummary } from "../volumes/list.ts";
import type { PruneVolumesOptions } from "../volumes/remove.ts";
import type { Pruned } from "./containers.ts";

/** Volumes, the local ones and those of plugins. */
export interface VolumesApi {
  /** A volume, made or, where one of that name and driver exists, found; without a name it gets a random one. */
  create(options?: CreateVolumeOptions): Promise<VolumeSummary>;
  /** Sorted by name. */
  list(): Promise<VolumeSummary[]>;
  inspect(name: string): Promise<VolumeSummary>;
  /** Refuses while a container has it, running or not; with `force` one that does not exist is no error. */
  remove(name: string, options?: { force?: boolean }): Promise<void>;
  /** Removes local volumes that no container has: those without a name, or all. */
  prune(options?: PruneVolumesOptions): Promise<Pruned>;
}

export interface CreateVolumeOptions {
  name?: string;
  /** "local" by default; otherwise a plugin that speaks docker's volume plugin protocol. */
  driver?: string;
  /** Of the driver; those of local are type, device and o, as mount(8) has them. */
  options?: Record<string, string>;
  labels?: Record<string, string>;
}

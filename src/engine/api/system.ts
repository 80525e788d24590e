import type { BootResult } from "../boot.ts";
import type { CheckOptions, StoreReport } from "../check/report.ts";
import type { DiskUsage } from "../disk-usage.ts";
import type { EngineEvent } from "../events.ts";
import type { SystemInfo } from "../info.ts";
import type { EventsOptions } from "../read-events.ts";

/** The whole of an engine: its host, its data root, and what happens in it. */
export interface SystemApi {
  info(): Promise<SystemInfo>;
  /** What the data root takes of the disk, to the block. */
  diskUsage(): Promise<DiskUsage>;
  /** Whether everything in the store is what it is said to be; with `repair` mends what can be. */
  check(options?: CheckOptions): Promise<StoreReport>;
  /** What happens to containers, images and networks; with `since` or `until` also what has happened. */
  events(options?: EventsOptions): AsyncIterable<EngineEvent>;
  /** After a boot: starts what restart policies bring back; calls back for each container that it starts or cannot. */
  boot(onResult: (result: BootResult) => void): Promise<void>;
  /** Before the machine goes down: stops all, such that `boot` brings them back. */
  shutdown(onResult: (result: BootResult) => void): Promise<void>;
}

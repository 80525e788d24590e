/**
 * The engine as its faces see it: containers, and a facet for each other noun. Methods take data, descriptors and an
 * AbortSignal and return data or streams; they never print, never read process.argv and never exit. Failures are
 * TsrunError (codes in docs/errors.md).
 */
import type { ContainersApi } from "./api/containers.ts";
import type { ImagesApi } from "./api/images.ts";
import type { NetworksApi } from "./api/networks.ts";
import type { RegistriesApi } from "./api/registries.ts";
import type { SystemApi } from "./api/system.ts";
import type { VolumesApi } from "./api/volumes.ts";

export type { ImageConfig } from "../image/config-document.ts";
export type { InspectedManifest, InspectManifestOptions } from "../image/inspect-manifest.ts";
export type { Login, LoginOptions, LoginResult } from "../image/login.ts";
export type { PullEvent } from "../image/pull-event.ts";
export type { PushedImage } from "../image/push.ts";
export type { PushEvent } from "../image/push-event.ts";
export type { FoundImage, SearchOptions } from "../image/search.ts";
export type { NetworkGraph } from "../network/graph/types.ts";
export type { NetworkRequest } from "../network/network-request.ts";
export type { Endpoint, EndpointOptions, NetworkRecord } from "../network/types.ts";
export type * from "./api/containers.ts";
export type * from "./api/explain.ts";
export type * from "./api/files.ts";
export type * from "./api/images.ts";
export type * from "./api/networks.ts";
export type * from "./api/processes.ts";
export type * from "./api/registries.ts";
export type * from "./api/system.ts";
export type * from "./api/volumes.ts";
export type { BootResult } from "./boot.ts";
export type { CheckOptions, StoreFinding, StoreLeftover, StoreReport } from "./check/report.ts";
export type { DiskUsage } from "./disk-usage.ts";
export type { EngineEvent } from "./events.ts";
export type { SystemInfo } from "./info.ts";
export type { EventsOptions } from "./read-events.ts";
export type { StatsSample } from "./stats.ts";
export type { VolumeSummary } from "./volumes/list.ts";
export type { PruneVolumesOptions } from "./volumes/remove.ts";

export interface EngineApi extends ContainersApi {
  readonly images: ImagesApi;
  readonly registries: RegistriesApi;
  readonly networks: NetworksApi;
  readonly volumes: VolumesApi;
  readonly system: SystemApi;
}

/** The library: `import { Engine } from "tsrun"`. */
export type { Config } from "./config.ts";
export { loadConfig, loadPaths } from "./config.ts";
export type {
  BootResult,
  CommitOptions,
  CopiedFrom,
  CopyFromOptions,
  CopyToOptions,
  DryRun,
  EngineApi,
  EngineEvent,
  EventsOptions,
  ExecOptions,
  ExitStatus,
  ExplainedStep,
  ExplainOptions,
  Explanation,
  FileChange,
  FoundImage,
  ImageConfig,
  ImageDetails,
  ImageHistoryEntry,
  ImageSummary,
  ImportOptions,
  InspectedManifest,
  InspectManifestOptions,
  LoadedImage,
  LoadOptions,
  LogEntry,
  Login,
  LoginOptions,
  LoginResult,
  LogOptions,
  PathStat,
  ProcessHandle,
  ProcessList,
  Pruned,
  PruneOptions,
  PullEvent,
  PullOptions,
  PushEvent,
  PushedImage,
  PushOptions,
  RunOptions,
  SaveOptions,
  SearchOptions,
  StartOptions,
  StatsSample,
  WaitOptions,
} from "./engine/api.ts";
export { type CopyOptions, type CopyReport, copyIn, copyOut } from "./engine/copy.ts";
export { Engine, type EngineSettings } from "./engine/engine.ts";
export type {
  ContainerChanges,
  ContainerHealth,
  ContainerOptions,
  ContainerRecord,
  ContainerState,
  ContainerStatus,
  ContainerSummary,
  HealthCheck,
  MountRequest,
  NetworkState,
  RestartPolicy,
} from "./engine/types.ts";
export { type ErrorCode, TsrunError } from "./errors.ts";
export { SyscallError } from "./kernel/errors.ts";
export type { OciConfig, OciResources } from "./runtime/oci.ts";
export type { Plan, Step } from "./runtime/plan/plan.ts";
export type { Paths } from "./store/paths.ts";

/**
 * The engine: what tsrun can do, as one object for a data directory. The command line, the library and every other
 * face call these methods; each is the name of a verb that a module of this folder implements. Those about containers
 * are the engine's own, those about images, registries, networks, volumes and the system a facet's.
 *
 *     const engine = new Engine();
 *     const process = await engine.run({ image: "alpine", command: ["echo", "hi"], autoRemove: true });
 *     process.stdout.pipe(output);
 *     const { exitCode } = await process.exited;
 */
import type { Readable } from "node:stream";
import { type Config, loadConfig, loadPaths } from "../config.ts";
import type { Paths } from "../store/paths.ts";
import type {
  CommitOptions,
  CopiedFrom,
  CopyFromOptions,
  CopyToOptions,
  DryRun,
  EngineApi,
  ExecOptions,
  ExplainOptions,
  FileChange,
  ImagesApi,
  LogEntry,
  LogOptions,
  NetworksApi,
  PathStat,
  ProcessHandle,
  ProcessList,
  Pruned,
  PruneOptions,
  PullOptions,
  RegistriesApi,
  RunOptions,
  StartOptions,
  StatsSample,
  SystemApi,
  VolumesApi,
  WaitOptions,
} from "./api.ts";
import type { EngineContext } from "./context.ts";
import type { CreatedContainer } from "./create.ts";
import { imagesOf } from "./facets/images.ts";
import { networksOf } from "./facets/networks.ts";
import { registriesOf } from "./facets/registries.ts";
import { systemOf } from "./facets/system.ts";
import { volumesOf } from "./facets/volumes.ts";
import { installedCommand } from "./installation.ts";
import type { ResolvedImage } from "./resolve-image.ts";
import type { ContainerChanges, ContainerOptions, ContainerSummary } from "./types.ts";

export interface EngineSettings {
  /** Where data and runtime state are; by default TSRUN_ROOT and TSRUN_RUN, else /var/lib/tsrun and /run/tsrun. */
  paths?: Paths;
  /** By default what the configuration files say. */
  config?: Config;
  /**
   * This process starts one container or one process in it, and ends as soon as that is done, by _exit(2): the monitor is
   * listened to by a thread of libuv's pool, which is at work sooner than node:net is loaded.
   */
  solitary?: boolean;
}

/** The verbs are loaded by those who call them: start-up time is part of every command. */
export class Engine implements EngineApi {
  readonly images: ImagesApi;
  readonly registries: RegistriesApi;
  readonly networks: NetworksApi;
  readonly volumes: VolumesApi;
  readonly system: SystemApi;
  readonly #context: EngineContext;

  constructor(settings: EngineSettings = {}) {
    const config = settings.config ?? loadConfig();
    const paths = settings.paths ?? loadPaths(config);
    this.#context = {
      config,
      paths,
      solitary: settings.solitary ?? false,
      reaper: () => successor("container", "reap"),
      reviver: () => successor("container", "revive"),
      resolver: () => successor("network", "resolver"),
    };
    this.images = imagesOf(this.#context);
    this.registries = registriesOf(this.#context);
    this.networks = networksOf(this.#context);
    this.volumes = volumesOf(this.#context);
    this.system = systemOf(this.#context);
  }

  /** For what stands on the engine and is no verb of it (build/). */
  get context(): EngineContext {
    return this.#context;
  }

  async create(
    options: ContainerOptions,
    pull: PullOptions = {},
  ): Promise<{ id: string; name: string; warnings: string[] }> {
    const { record, owned, warnings } = await this.#create(options, pull);
    owned.release();
    return { id: record.id, name: record.name, warnings };
  }

  async start(container: string, options: StartOptions = {}): Promise<ProcessHandle> {
    const { startByReference } = await import("./start.ts");
    return startByReference(this.#context, container, options);
  }

  async run(options: ContainerOptions, start: RunOptions = {}): Promise<ProcessHandle> {
    const { startContainer } = await import("./start.ts");
    return startContainer(this.#context, await this.#created(options, start), start);
  }

  async exec(container: string, options: ExecOptions): Promise<ProcessHandle> {
    const { execInContainer } = await import("./exec.ts");
    return execInContainer(this.#context, container, options);
  }

  async attach(container: string): Promise<ProcessHandle> {
    const { attachToContainer } = await import("./attach.ts");
    return attachToContainer(this.#context, container);
  }

  async stop(container: string, options: { timeout?: number; signal?: string } = {}): Promise<void> {
    const { stopContainer } = await import("./stop.ts");
    return stopContainer(this.#context, container, options);
  }

  async restart(container: string, options: { timeout?: number; signal?: string } = {}): Promise<void> {
    const { restartContainer } = await import("./restart.ts");
    return restartContainer(this.#context, container, options);
  }

  async kill(container: string, signal?: string): Promise<void> {
    const { killContainer } = await import("./stop.ts");
    return killContainer(this.#context, container, signal);
  }

  async remove(container: string, options: { force?: boolean; volumes?: boolean } = {}): Promise<void> {
    const { removeByReference } = await import("./remove.ts");
    const { sweep } = await import("./cleanup.ts");
    await removeByReference(this.#context, container, options);
    await sweep(this.#context);
  }

  async wait(container: string, options: WaitOptions = {}): Promise<number> {
    const { waitForContainer } = await import("./wait.ts");
    return waitForContainer(this.#context, container, options);
  }

  async rename(container: string, name: string): Promise<void> {
    const { renameContainer } = await import("./rename.ts");
    return renameContainer(this.#context, container, name);
  }

  async pause(container: string): Promise<void> {
    const { pauseContainer } = await import("./pause.ts");
    return pauseContainer(this.#context, container);
  }

  async unpause(container: string): Promise<void> {
    const { unpauseContainer } = await import("./pause.ts");
    return unpauseContainer(this.#context, container);
  }

  async update(container: string, changes: ContainerChanges): Promise<void> {
    const { updateContainer } = await import("./update.ts");
    return updateContainer(this.#context, container, changes);
  }

  async top(container: string, psArguments: readonly string[] = []): Promise<ProcessList> {
    const { topOfContainer } = await import("./top.ts");
    return topOfContainer(this.#context, container, psArguments);
  }

  async prune(options: PruneOptions = {}): Promise<Pruned> {
    const { pruneContainers } = await import("./prune.ts");
    const { sweep } = await import("./cleanup.ts");
    await sweep(this.#context);
    return pruneContainers(this.#context, options);
  }

  async list(): Promise<ContainerSummary[]> {
    const { listContainers } = await import("./list.ts");
    return listContainers(this.#context);
  }

  async inspect(container: string): Promise<ContainerSummary> {
    const { inspectContainer } = await import("./list.ts");
    return inspectContainer(this.#context, container);
  }

  async stats(container: string): Promise<StatsSample> {
    const { containerStats } = await import("./stats.ts");
    return containerStats(this.#context, container);
  }

  async *logs(container: string, options: LogOptions = {}): AsyncIterable<LogEntry> {
    const { readLogs } = await import("./logs.ts");
    yield* readLogs(this.#context, container, options);
  }

  async statPath(
    container: string,
    path: string,
    { follow = false }: { follow?: boolean } = {},
  ): Promise<PathStat> {
    const { statInContainer } = await import("./copy-from.ts");
    return statInContainer(this.#context, container, { path, follow });
  }

  async copyFrom(container: string, path: string, options: CopyFromOptions = {}): Promise<CopiedFrom> {
    const { copyFromContainer } = await import("./copy-from.ts");
    return copyFromContainer(this.#context, container, { ...options, path });
  }

  async copyTo(
    container: string,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: CopyToOptions = {},
  ): Promise<void> {
    const { copyToContainer } = await import("./copy-to.ts");
    return copyToContainer(this.#context, container, { ...options, path, archive });
  }

  async export(container: string, options: { signal?: AbortSignal } = {}): Promise<Readable> {
    const { exportContainer } = await import("./export.ts");
    return exportContainer(this.#context, container, options);
  }

  async diff(container: string): Promise<FileChange[]> {
    const { diffContainer } = await import("./diff.ts");
    return diffContainer(this.#context, container);
  }

  async commit(container: string, options: CommitOptions = {}): Promise<{ id: string }> {
    const { commitContainer } = await import("./commit.ts");
    return commitContainer(this.#context, container, options);
  }

  async dryRun(options: ContainerOptions): Promise<DryRun> {
    const { dryRun } = await import("./dry-run.ts");
    return dryRun(this.#context, options, await this.#image({ ...options, pull: "never" }, {}));
  }

  async explain(options: ContainerOptions, start: ExplainOptions): Promise<ProcessHandle> {
    const { explainRun } = await import("./explain.ts");
    return explainRun(this.#context, await this.#created(options, start), start);
  }

  async reap(id: string, lockFd?: number): Promise<void> {
    const { reapContainer } = await import("./remove.ts");
    return reapContainer(this.#context, id, lockFd);
  }

  async revive(id: string, lockFd?: number): Promise<void> {
    const { reviveContainer } = await import("./revive.ts");
    return reviveContainer(this.#context, id, lockFd);
  }

  async #created(options: ContainerOptions, start: RunOptions): Promise<CreatedContainer> {
    const pull = { ...start.pull, ...(start.signal ? { signal: start.signal } : {}) };
    const created = await this.#create(options, pull, true);
    const { record, warnings } = created;
    start.onCreated?.({ id: record.id, name: record.name, warnings });
    return created;
  }

  async #create(options: ContainerOptions, pull: PullOptions, toStart = false): Promise<CreatedContainer> {
    const { createContainer, validateRequest } = await import("./create.ts");
    const { holdStore } = await import("../store/images.ts");
    await validateRequest(this.#context, options);
    // From the first look for the image until the container's record says that it needs the layers.
    using _held = await holdStore(this.#context.paths, signalOf(pull));
    const image = await this.#image(options, pull);
    return await createContainer(this.#context, options, { image, toStart });
  }

  async #image(
    { image, platform, pull: policy }: ContainerOptions,
    pull: PullOptions,
  ): Promise<ResolvedImage> {
    const { provideImage } = await import("./images.ts");
    return provideImage(this.#context, image, {
      ...pull,
      ...(platform === undefined ? {} : { platform }),
      ...(policy === undefined ? {} : { pull: policy }),
    });
  }
}

const signalOf = ({ signal }: PullOptions): { signal?: AbortSignal } => (signal ? { signal } : {});

const successor = (...words: string[]): readonly string[] => [installedCommand(), ...words];

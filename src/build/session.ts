/** What the steps of one build share. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { EngineContext } from "../engine/context.ts";
import type { UserNamespace } from "../engine/types.ts";
import type { Packer } from "../store/pack-client.ts";
import { layersDir, type Paths } from "../store/paths.ts";
import { makeRoomyDirectory } from "../store/roomy-directory.ts";
import { openScratch, type Scratch } from "../store/scratch.ts";
import { Quiet } from "./quiet.ts";
import { Slots } from "./slots.ts";
import type { Agent } from "./ssh/agent.ts";
import type { BuildEvent, BuildOptions } from "./types.ts";

export interface Session extends AsyncDisposable {
  readonly context: EngineContext;
  readonly paths: Paths;
  readonly options: BuildOptions;
  /** Those that a RUN has for its own; undefined: the host's. */
  readonly users: UserNamespace | undefined;
  /** What RUN --mount=type=ssh may ask, by id. */
  readonly agents: ReadonlyMap<string, Agent>;
  /** Opened when it is first asked for. */
  packer(): Promise<Packer>;
  readonly quiet: Quiet;
  /** How many RUNs may be at work at once. */
  readonly slots: Slots;
  /** Aborted by the caller, or by the first step that fails. */
  readonly signal: AbortSignal;
  emit(event: BuildEvent): void;
  /** Does what a step is about, between the events of its beginning and its end. */
  during<Result>(step: number, act: () => Promise<Result>): Promise<Result>;
  /** A new empty directory of this build, gone with it unless it is moved away; made when first asked for. */
  directory(): string;
  /** What is disposed of when the build has ended. */
  keep<Of extends Disposable>(resource: Of): Of;
}

/** What is mounted names layers relative to their directory, which a store without an image does not have yet. */
function openWorkshop(paths: Paths): Scratch {
  mkdirSync(layersDir(paths), { recursive: true, mode: 0o700 });
  return openScratch(paths, makeRoomyDirectory);
}

export function openSession(
  context: EngineContext,
  options: BuildOptions,
  { signal, slots, users, agents }: Pick<Session, "signal" | "users" | "agents"> & { slots: number },
): Session {
  let scratch: Scratch | undefined;
  let count = 0;
  const emit = (event: BuildEvent): void => options.onEvent?.(event);
  let packer: Promise<Packer> | undefined;
  const kept: Disposable[] = [];
  return {
    context,
    paths: context.paths,
    options,
    users,
    agents,
    packer() {
      packer ??= import("../store/pack-client.ts").then(({ openPacker }) => openPacker());
      return packer;
    },
    quiet: new Quiet(),
    slots: new Slots(slots),
    signal,
    emit,
    async during(step, act) {
      emit({ type: "started", step, at: new Date() });
      try {
        const result = await act();
        emit({ type: "finished", step, at: new Date() });
        return result;
      } catch (error) {
        const told = signal.aborted ? "canceled" : error instanceof Error ? error.message : String(error);
        emit({ type: "finished", step, at: new Date(), error: told });
        throw error;
      }
    },
    directory() {
      scratch ??= openWorkshop(context.paths);
      const path = join(scratch.path, String(count++));
      mkdirSync(path, { mode: 0o700 });
      return path;
    },
    keep(resource) {
      kept.unshift(resource);
      return resource;
    },
    async [Symbol.asyncDispose]() {
      for (const resource of kept) resource[Symbol.dispose]();
      await (await packer)?.[Symbol.asyncDispose]();
      scratch?.[Symbol.dispose]();
    },
  };
}

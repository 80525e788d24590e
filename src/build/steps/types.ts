import type { FileDigests } from "../cache/file-digests.ts";
import type { ContextFiles } from "../context/context.ts";
import type { FilesFrom } from "../graph/types.ts";
import type { Snapshot, WorkDirectory } from "../layers.ts";
import type { Session } from "../session.ts";

/** What steps ask of the build. */
export interface Workshop {
  readonly session: Session;
  /** The files of the build's context, or of a named one. */
  context(name: string | undefined): Promise<OpenContext>;
  /** The root that a stage or image has in the end. */
  snapshotOf(files: Exclude<FilesFrom, { kind: "context" }>): Promise<Snapshot>;
}

export interface OpenContext {
  readonly files: ContextFiles;
  readonly digests: FileDigests;
}

/** What a step has made of the root below it. */
export interface Made {
  /** The directory to become a layer; undefined where nothing was written. */
  readonly work: WorkDirectory | undefined;
}

/** A step that is about to be looked up in the cache. */
export interface Prepared extends Disposable {
  readonly key: string;
  /** What the key of an identical result would be if it was reached otherwise; looked up where `key` is not known. */
  readonly deeperKey?: (() => Promise<string>) | undefined;
  /** The id of the result where that follows from the key; else it is a new one for each execution. */
  resultOf?(key: string): string;
  execute(): Promise<Made>;
}

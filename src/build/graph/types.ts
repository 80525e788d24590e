/** A Dockerfile as it is to be executed: nothing is left in it to be expanded, and only what the target needs. */

import type { HistoryEntry } from "../../engine/new-image.ts";
import type { ImageConfig } from "../../image/config-document.ts";
import type { Platform } from "../../image/platform.ts";
import type { Heredoc, Range, RunMount } from "../dockerfile/types.ts";
import type { Snapshot } from "../layers.ts";

/** An image that stages begin with, or take files from. */
export interface BaseImage {
  /** Canonical, as it is shown. */
  readonly reference: string;
  readonly id: string;
  readonly platform: Platform;
  readonly config: ImageConfig;
  readonly author: string;
  readonly history: readonly HistoryEntry[];
  readonly snapshot: Snapshot;
}

/** Where COPY --from and RUN --mount=from find files. */
export type FilesFrom =
  | { readonly kind: "context"; readonly name: string | undefined }
  | { readonly kind: "stage"; readonly stage: Stage }
  | { readonly kind: "image"; readonly image: BaseImage };

export type Base =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: Stage }
  | { readonly kind: "image"; readonly image: BaseImage };

export interface Stage {
  readonly name: string | undefined;
  readonly index: number;
  readonly platform: Platform;
  readonly base: Base;
  /** Number of the step that stands for FROM; undefined where the base is no image. */
  readonly fromStep: number | undefined;
  /** "[builder 1/5] " */
  readonly fromName: string;
  readonly steps: readonly Step[];
  /** What a container of it would be configured with. */
  readonly config: ImageConfig;
  /** ENV and ARG as its instructions leave them: what a stage that begins with it has too. */
  readonly environment: ReadonlyMap<string, string>;
  /** The ARGs among them; undefined where one has no value. */
  readonly declared: ReadonlyMap<string, string | undefined>;
  readonly author: string;
  /** With that of the base. */
  readonly history: readonly HistoryLine[];
}

/** A line that has `step` has a layer, unless that step has written nothing. */
export type HistoryLine =
  | { readonly kind: "base"; readonly entry: HistoryEntry }
  | { readonly kind: "own"; readonly createdBy: string; readonly step: Step | undefined };

interface Common {
  /** As it is announced. */
  readonly number: number;
  readonly name: string;
  readonly range: Range;
  /** The stage is not to be taken from the cache. */
  readonly ignoresCache: boolean;
}

/** A mount with the place where its files are. */
export interface StepMount extends RunMount {
  readonly files: FilesFrom | undefined;
  /** Absolute. */
  readonly target: string;
  readonly targetIsNamed: boolean;
}

export interface RunStep extends Common {
  readonly kind: "run";
  readonly platform: Platform;
  readonly args: readonly string[];
  /** What decides about the cache; proxies do not. */
  readonly env: readonly string[];
  readonly proxies: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly network: "default" | "none" | "host";
  readonly privileged: boolean;
  readonly mounts: readonly StepMount[];
  /** A heredoc with an interpreter of its own: a file that is mounted at `path`. */
  readonly script: { readonly path: string; readonly content: string } | undefined;
}

/** One of the things that a COPY or ADD takes. */
export type Source =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "heredoc"; readonly heredoc: Heredoc }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "git"; readonly url: string };

export interface FilesStep extends Common {
  readonly kind: "files";
  readonly keyword: "COPY" | "ADD";
  readonly from: FilesFrom;
  readonly sources: readonly Source[];
  /** Absolute; a slash at its end asks for a directory. */
  readonly destination: string;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly exclude: readonly string[];
  readonly parents: boolean;
  readonly link: boolean;
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean;
  /** Whether archives are unpacked; undefined: those of the context. */
  readonly unpack: boolean | undefined;
}

export interface WorkdirStep extends Common {
  readonly kind: "workdir";
  readonly path: string;
  readonly user: string;
}

export type Step = RunStep | FilesStep | WorkdirStep;

/** What is asked of a build, what it tells while it goes on, and what comes out. Data only, as in engine/types.ts. */
import type { ProcessHandle } from "../engine/api.ts";
import type { OciResources } from "../runtime/oci.ts";
import type { DockerfileWarning } from "./dockerfile/types.ts";

/** Where the files of a build come from. */
export type ContextSource =
  | { readonly kind: "directory"; readonly path: string }
  /** A tar archive, compressed or not, or a Dockerfile alone: told by its first bytes. */
  | { readonly kind: "stream"; readonly stream: AsyncIterable<Uint8Array> }
  /** An archive or a Dockerfile. */
  | { readonly kind: "url"; readonly url: string }
  /** `REPOSITORY#REF:SUBDIRECTORY` */
  | { readonly kind: "git"; readonly url: string };

export interface SecretSource {
  readonly id: string;
  /** A file, or the name of a variable of the caller's environment. */
  readonly from: { readonly file: string } | { readonly env: string };
}

export interface SshSource {
  readonly id: string;
  /** An agent's socket, or private keys; [] for SSH_AUTH_SOCK. */
  readonly paths: readonly string[];
}

/** --cache-from and --cache-to. */
export interface CacheLocation {
  readonly type: "local" | "registry" | "inline";
  /** src, dest, ref, mode. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** -o */
export type BuildOutput =
  | { readonly type: "image"; readonly names: readonly string[]; readonly push: boolean }
  | { readonly type: "local"; readonly directory: string }
  /** An archive: of the root's files, or of the image. */
  | {
      readonly type: "tar" | "oci" | "docker";
      /** A file's path, or what takes the pieces one after the other: standard output. */
      readonly to: string | ((piece: Uint8Array) => Promise<void>);
      readonly names: readonly string[];
    };

export interface BuildOptions {
  readonly context: ContextSource;
  /** Path (below the context, or anywhere on this host), or the text itself. Default: Dockerfile of the context. */
  readonly dockerfile?: { readonly path: string } | { readonly text: string };
  /** --build-context NAME=…: directories, git or http URLs, docker-image://REFERENCE. */
  readonly namedContexts?: Readonly<Record<string, string>>;
  /** References as the user typed them. */
  readonly tags?: readonly string[];
  /** A stage's name or number; the last one by default. */
  readonly target?: string;
  /** undefined: the value is that of the caller's environment. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** os/arch[/variant]; several make an index. */
  readonly platforms?: readonly string[];
  readonly pull?: boolean;
  /** true, or the stages that are not to be taken from the cache. */
  readonly noCache?: boolean | readonly string[];
  readonly cacheFrom?: readonly CacheLocation[];
  readonly cacheTo?: readonly CacheLocation[];
  readonly secrets?: readonly SecretSource[];
  readonly ssh?: readonly SshSource[];
  /** "host:address" */
  readonly addHosts?: readonly string[];
  readonly network?: "default" | "none" | "host";
  readonly ulimits?: readonly { name: string; soft: number; hard: number }[];
  /** Bytes. */
  readonly shmSize?: number;
  readonly cgroupParent?: string;
  /** Limits of each RUN. */
  readonly resources?: OciResources;
  readonly allow?: readonly ("network.host" | "security.insecure")[];
  readonly outputs?: readonly BuildOutput[];
  /** One layer of all that the Dockerfile adds to its base. */
  readonly squash?: boolean;
  /** Unix seconds (SOURCE_DATE_EPOCH): the time of everything in the image. */
  readonly sourceDateEpoch?: number;
  /** Called with the root of the step that failed while it is still there. */
  readonly onFailure?: (failed: FailedStep) => Promise<void>;
  readonly onEvent?: (event: BuildEvent) => void;
  readonly signal?: AbortSignal;
}

/** What a program has that somebody sits in front of. */
export interface StepTerminal {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly size?: { readonly rows: number; readonly columns: number };
}

/** What is left to look at of a RUN that failed. */
export interface FailedStep {
  readonly step: number;
  readonly command: readonly string[];
  readonly exitCode: number;
  /** Starts a program in that root with the step's mounts, user, environment and directory. */
  start(command: readonly string[], terminal: StepTerminal): Promise<ProcessHandle>;
}

/**
 * The progress of a build. Steps are numbered in the order in which they are announced; all of a build's are announced
 * before the first one starts, but those that only arise later (a cache that is exported).
 */
export type BuildEvent =
  | {
      readonly type: "step";
      readonly step: number;
      /** As it is shown: "[builder 2/5] RUN make", "[internal] load build context". */
      readonly name: string;
      /** Steps that it waits for. */
      readonly inputs: readonly number[];
      readonly digest: string;
    }
  | { readonly type: "started"; readonly step: number; readonly at: Date }
  | { readonly type: "cached"; readonly step: number }
  | {
      readonly type: "output";
      readonly step: number;
      readonly stream: "stdout" | "stderr";
      readonly data: Buffer;
    }
  /** A part of a step: a layer that is fetched, files that are sent. Bytes, or pieces without `total`. */
  | {
      readonly type: "progress";
      readonly step: number;
      readonly id: string;
      readonly current: number;
      readonly total?: number;
      readonly done: boolean;
    }
  | { readonly type: "warning"; readonly step: number; readonly warning: DockerfileWarning }
  | { readonly type: "finished"; readonly step: number; readonly at: Date; readonly error?: string };

export interface BuildResult {
  /** The digest of the image's configuration; undefined where no image was made (-o local). */
  readonly imageId: string | undefined;
  /** The digest of its manifest, or of the index. */
  readonly digest: string | undefined;
  readonly mediaType: string | undefined;
  readonly size: number | undefined;
  /** Canonical. */
  readonly names: readonly string[];
  readonly warnings: readonly DockerfileWarning[];
}

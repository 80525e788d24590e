/** What a container is asked to be, after the image has filled in what the user left open. */
import { posix } from "node:path";
import { TsrunError } from "../errors.ts";
import type { ImageConfig } from "./api.ts";
import { mergeEnv } from "./env.ts";
import { mergeHealthCheck } from "./health.ts";
import type { ContainerOptions, HealthCheck } from "./types.ts";

export interface MergedConfig {
  /** The program, and its arguments without argv[0]. */
  path: string;
  args: string[];
  /** The user's variables, then the image's; PATH, HOSTNAME, TERM and HOME come with the process. */
  env: string[];
  workdir: string;
  /** user[:group], "" for root. */
  user: string;
  /** As written: a name or a number. */
  stopSignal: string;
  /** Seconds. */
  stopTimeout: number;
  labels: Record<string, string>;
  healthCheck: HealthCheck | undefined;
}

/** Merges options and image by Docker's rules; throws ERR_TSRUN_NO_COMMAND or ERR_TSRUN_WORKDIR_INVALID. */
export function mergeImageConfig(options: ContainerOptions, image: ImageConfig): MergedConfig {
  const [path, ...args] = commandLine(options, image);
  return {
    path,
    args,
    env: mergeEnv(options.env ?? [], image.Env ?? []),
    workdir: options.workdir ? absoluteWorkdir(options.workdir) : posix.resolve("/", image.WorkingDir ?? ""),
    user: options.user || image.User || "",
    stopSignal: options.stopSignal || image.StopSignal || "SIGTERM",
    stopTimeout: options.stopTimeout ?? 10,
    labels: { ...image.Labels, ...options.labels },
    healthCheck: mergeHealthCheck(options.healthCheck, image.Healthcheck),
  };
}

/** An entrypoint of the user's own makes the image's Cmd meaningless: its words were arguments of another program. */
function commandLine(options: ContainerOptions, image: ImageConfig): [string, ...string[]] {
  const given = options.command?.length ? options.command : undefined;
  const entrypoint = (options.entrypoint ?? image.Entrypoint ?? []).filter(
    (word, index) => index > 0 || word !== "",
  );
  const command = given ?? (options.entrypoint === undefined ? image.Cmd : undefined) ?? [];
  const [path, ...args] = [...entrypoint, ...command];
  if (path !== undefined) return [path, ...args];
  throw new TsrunError("ERR_TSRUN_NO_COMMAND", "no command specified", {
    hint: `the image ${options.image} names no command of its own: add one after its name`,
  });
}

/** Throws ERR_TSRUN_WORKDIR_INVALID unless absolute. */
export function absoluteWorkdir(workdir: string): string {
  if (workdir.startsWith("/")) return posix.resolve(workdir);
  throw new TsrunError(
    "ERR_TSRUN_WORKDIR_INVALID",
    `the working directory '${workdir}' is invalid, it needs to be an absolute path`,
  );
}

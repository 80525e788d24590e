/** Health checks: what a container is probed with, of image and options, and what its monitor has found. */
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import type { ImageHealthcheck } from "../image/config-document.ts";
import { readDocument } from "../store/documents.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import type { ContainerHealth, ContainerRecord, ContainerState, HealthCheck } from "./types.ts";

const NANOSECONDS_PER_MS = 1_000_000;

/** The user's settings, and the image's where the user has none. */
export function mergeHealthCheck(
  asked: HealthCheck | undefined,
  image: ImageHealthcheck | undefined,
): HealthCheck | undefined {
  if (asked === undefined && image === undefined) return undefined;
  const own = asked ?? {};
  return compact({
    test: own.test?.length ? own.test : image?.Test,
    interval: own.interval || image?.Interval,
    timeout: own.timeout || image?.Timeout,
    startPeriod: own.startPeriod || image?.StartPeriod,
    startInterval: own.startInterval || image?.StartInterval,
    retries: own.retries || image?.Retries,
  });
}

/** Without what means the default; an image may have negative numbers for it. */
function compact(check: { [Key in keyof HealthCheck]: HealthCheck[Key] | undefined }): HealthCheck {
  return Object.fromEntries(
    Object.entries(check).filter(([, setting]) => Array.isArray(setting) || Number(setting) > 0),
  ) as HealthCheck;
}

/** Throws ERR_TSRUN_HEALTH_CHECK_INVALID where a duration is negative or below a millisecond, or retries are no count. */
export function validateHealthCheck({ retries = 0, ...check }: HealthCheck): void {
  const durations = {
    Interval: check.interval,
    Timeout: check.timeout,
    StartPeriod: check.startPeriod,
    StartInterval: check.startInterval,
  };
  for (const [name, nanoseconds = 0] of Object.entries(durations)) {
    if (nanoseconds !== 0 && !(nanoseconds >= NANOSECONDS_PER_MS))
      throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
  }
  if (!Number.isInteger(retries) || retries < 0) throw invalid("Retries in Healthcheck cannot be negative");
}

function invalid(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_HEALTH_CHECK_INVALID", message, {
    hint: "0 means the image's setting, or the default",
  });
}

/** Whether the container is probed at all; a test of an unknown kind, which only an image can have, is none. */
export function hasProbe({ healthCheck }: ContainerRecord): boolean {
  const [kind, first] = healthCheck?.test ?? [];
  return (kind === "CMD" || kind === "CMD-SHELL") && first !== undefined;
}

export const healthPath = (paths: Paths, id: string): string => join(containerDir(paths, id), "health.json");

/** Adds the health to the state of a container that is probed and has been started. */
export function withHealth(paths: Paths, record: ContainerRecord, state: ContainerState): ContainerState {
  if (!hasProbe(record) || state.status === "created") return state;
  const written = readHealth(paths, record.id);
  if (written === undefined) return state;
  // What nobody looks at any more is not healthy, as docker has it; the log still tells what was found last.
  return { ...state, health: state.pid > 0 ? written : { ...written, status: "unhealthy" } };
}

/** The document is not synced: after a power failure it may be empty. */
function readHealth(paths: Paths, id: string): ContainerHealth | undefined {
  try {
    return readDocument<ContainerHealth>(healthPath(paths, id));
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_DOCUMENT_CORRUPT") return undefined;
    throw error;
  }
}

/** What a probe executes. */
export function probeCommand({ healthCheck, imageConfig }: ContainerRecord): string[] {
  const [kind, ...words] = healthCheck?.test ?? [];
  return kind === "CMD-SHELL" ? [...(imageConfig.Shell ?? ["/bin/sh", "-c"]), ...words] : words;
}

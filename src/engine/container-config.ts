/** The configuration of a container as an image's: what a container of that image is to run by default. */
import type { ImageConfig, ImageHealthcheck } from "../image/config-document.ts";
import type { ContainerRecord, HealthCheck } from "./types.ts";

/** The image's configuration with what this container was told instead. */
export function imageConfigOf(record: ContainerRecord): ImageConfig {
  const { options, imageConfig, env, workdir, labels, healthCheck } = record;
  const { Entrypoint, Cmd, ...rest } = imageConfig;
  const entrypoint = options.entrypoint ?? Entrypoint;
  const imageCommand = options.entrypoint === undefined ? Cmd : undefined;
  const command = options.command?.length ? options.command : imageCommand;
  const user = options.user ?? imageConfig.User;
  const stopSignal = options.stopSignal ?? imageConfig.StopSignal;
  return {
    ...rest,
    ...(user ? { User: user } : {}),
    // A name alone takes a variable away from this container; in an image it would mean nothing.
    Env: env.filter((entry) => entry.includes("=")),
    ...(entrypoint?.length ? { Entrypoint: entrypoint } : {}),
    ...(command?.length ? { Cmd: command } : {}),
    ...(workdir === "/" && !imageConfig.WorkingDir ? {} : { WorkingDir: workdir }),
    ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(healthCheck ? { Healthcheck: imageHealthcheck(healthCheck) } : {}),
  };
}

function imageHealthcheck(check: HealthCheck): ImageHealthcheck {
  const { test, interval, timeout, startPeriod, startInterval, retries } = check;
  return {
    ...(test ? { Test: test } : {}),
    ...(interval ? { Interval: interval } : {}),
    ...(timeout ? { Timeout: timeout } : {}),
    ...(startPeriod ? { StartPeriod: startPeriod } : {}),
    ...(startInterval ? { StartInterval: startInterval } : {}),
    ...(retries ? { Retries: retries } : {}),
  };
}

/** Health checks and what they found, in the shape of docker's API. */
import type { ContainerHealth, HealthCheck } from "../../engine/types.ts";

export function healthOf({ status, failingStreak, log }: ContainerHealth): object {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

/** Durations in nanoseconds; what is the default is left out. */
export function dockerHealthcheck(check: HealthCheck): object {
  const { test, interval, timeout, startPeriod, startInterval, retries } = check;
  return {
    ...(test && { Test: test }),
    ...(interval && { Interval: interval }),
    ...(timeout && { Timeout: timeout }),
    ...(startPeriod && { StartPeriod: startPeriod }),
    ...(startInterval && { StartInterval: startInterval }),
    ...(retries && { Retries: retries }),
  };
}

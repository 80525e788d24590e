/** `--health-*` and `--no-healthcheck`. */
import type { HealthCheck } from "../../engine/types.ts";
import { TsrunError } from "../../errors.ts";
import { flag, type OptionValues, value } from "../option-table.ts";
import { parseNanoseconds } from "./duration.ts";
import { parseInteger } from "./numbers.ts";

const duration = { metavar: "duration", parse: parseNanoseconds };

export const healthFlags = {
  "health-cmd": value("Command to run to check health"),
  "health-interval": value("Time between running the check (ms|s|m|h) (default 30s)", duration),
  "health-retries": value("Consecutive failures needed to report unhealthy (default 3)", {
    metavar: "int",
    parse: parseInteger,
  }),
  "health-start-interval": value(
    "Time between running the check during the start period (ms|s|m|h) (default 5s)",
    duration,
  ),
  "health-start-period": value(
    "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)",
    duration,
  ),
  "health-timeout": value("Maximum time to allow one check to run (ms|s|m|h) (default 30s)", duration),
  "no-healthcheck": flag("Disable any container-specified HEALTHCHECK"),
};

const NUMBERS = [
  "health-interval",
  "health-timeout",
  "health-retries",
  "health-start-period",
  "health-start-interval",
] as const;

/** What the flags ask for; undefined where they leave it to the image. Throws ERR_TSRUN_OPTION_CONFLICT or _INVALID. */
export function healthCheck(flags: OptionValues<typeof healthFlags>): HealthCheck | undefined {
  const line = flags["health-cmd"] ?? "";
  const isAsked = line !== "" || NUMBERS.some((name) => (flags[name] ?? 0) !== 0);
  if (flags["no-healthcheck"]) {
    if (!isAsked) return { test: ["NONE"] };
    throw new TsrunError("ERR_TSRUN_OPTION_CONFLICT", "--no-healthcheck conflicts with --health-* options");
  }
  for (const name of NUMBERS)
    if ((flags[name] ?? 0) < 0)
      throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `--${name} cannot be negative`);
  if (!isAsked) return undefined;
  return {
    ...(line !== "" && { test: ["CMD-SHELL", line] }),
    ...positive("interval", flags["health-interval"]),
    ...positive("timeout", flags["health-timeout"]),
    ...positive("startPeriod", flags["health-start-period"]),
    ...positive("startInterval", flags["health-start-interval"]),
    ...positive("retries", flags["health-retries"]),
  };
}

/** Zero is docker's "not set". */
function positive(key: keyof HealthCheck, number: number | undefined): HealthCheck {
  return number ? { [key]: number } : {};
}

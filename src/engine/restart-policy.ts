/** Restart policies as arithmetic: which ends of a container are followed by a start, and how soon; docker's rules. */
import type { RestartCondition } from "../runtime/launch.ts";
import type { ContainerState, RestartPolicy } from "./types.ts";

/** Before the first restart, and after every run of STEADY_MS; each further one waits twice as long, up to the longest. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const STEADY_MS = 10_000;

/** What the policy says of the next end of a container that was started again `restarts` times. */
export function restartCondition(policy: RestartPolicy | undefined, restarts: number): RestartCondition {
  switch (policy?.name) {
    case "always":
    case "unless-stopped":
      return "always";
    case "on-failure":
      return policy.maximumRetryCount === 0 || restarts < policy.maximumRetryCount ? "failure" : "never";
    default:
      return "never";
  }
}

/** Milliseconds to wait before a restart, after one that waited `previous` (undefined: it is the first). */
export function nextDelay(previous: number | undefined): number {
  return previous === undefined || previous <= 0 ? FIRST_DELAY_MS : Math.min(previous * 2, LONGEST_DELAY_MS);
}

/** The restart that a container's monitor is to see to, in its own words. */
export function monitorRestart(
  policy: RestartPolicy | undefined,
  { count, delay }: { count: number; delay: number },
) {
  return {
    condition: restartCondition(policy, count),
    count,
    delay,
    steady: { after: STEADY_MS, delay: FIRST_DELAY_MS },
  };
}

/**
 * Whether a boot starts the container again. `lost` is one that ran until the machine went down, or waited to; what a
 * user has stopped stays stopped, but for `always`.
 */
export function startsAtBoot(
  policy: RestartPolicy | undefined,
  { state, lost, stoppedByUser }: { state: ContainerState; lost: boolean; stoppedByUser: boolean },
): boolean {
  if (state.startedAt === "") return false;
  switch (policy?.name) {
    case "always":
      return true;
    case "unless-stopped":
      return !stoppedByUser;
    case "on-failure":
      if (stoppedByUser) return false;
      return lost || (state.exitCode !== 0 && restartCondition(policy, state.restartCount) === "failure");
    default:
      return false;
  }
}

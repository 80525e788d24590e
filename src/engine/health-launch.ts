/** What the monitor is given to probe a container with: the Plan of a process in it, and docker's numbers. */
import type { MonitorHealth } from "../runtime/launch.ts";
import type { ContainerConfig } from "../runtime/oci.ts";
import { execPlan } from "../runtime/plan/exec-plan.ts";
import { onHost } from "../runtime/plan/mapped-root.ts";
import type { EngineContext } from "./context.ts";
import { goDuration } from "./duration.ts";
import { userOfRecord } from "./files-in-layers.ts";
import { healthPath, probeCommand } from "./health.ts";
import type { PreparedStart } from "./prepare-start.ts";
import { buildExecProcess } from "./process.ts";
import { containerCapabilities, containerFilter } from "./security.ts";
import type { ContainerRecord } from "./types.ts";

const SECOND = 1_000_000_000;
const DEFAULTS = { interval: 30 * SECOND, timeout: 30 * SECOND, startInterval: 5 * SECOND, retries: 3 };

/** A probe is a process as `exec` starts one, of the container's own user. Call it where hasProbe(record). */
export async function healthLaunch(
  context: EngineContext,
  { record, config, prepared }: { record: ContainerRecord; config: ContainerConfig; prepared: PreparedStart },
): Promise<MonitorHealth> {
  const { cgroup } = prepared;
  const { startPeriod = 0, ...check } = record.healthCheck ?? {};
  const { interval, timeout, startInterval, retries } = { ...DEFAULTS, ...check };
  const process = buildExecProcess(
    { command: probeCommand(record) },
    {
      container: config.process,
      env: record.env,
      hostname: record.hostname,
      user: userOfRecord(context.paths, record),
      capabilities: containerCapabilities(record.options),
    },
  );
  const plan = execPlan({
    process,
    hostUid: record.userNamespace && onHost(record.userNamespace.uids, process.user.uid),
    cgroup: { cloneInto: cgroup.cloneInto !== undefined, procsFiles: cgroup.procsFiles },
    seccomp: await containerFilter(context, record.options),
  });
  return {
    plan,
    file: healthPath(context.paths, record.id),
    retries,
    interval: milliseconds(interval),
    startInterval: milliseconds(startInterval),
    startPeriod: milliseconds(startPeriod),
    timeout: milliseconds(timeout),
    overdue: `Health check exceeded timeout (${goDuration(timeout)})`,
    cgroup: cgroup.cloneInto,
    freezer: cgroup.freezer,
  };
}

/** An image may ask for less than a millisecond, which would keep a processor busy. */
const milliseconds = (nanoseconds: number): number =>
  nanoseconds === 0 ? 0 : Math.max(1, Math.round(nanoseconds / 1_000_000));

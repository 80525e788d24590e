/** A restart policy is carried out by the container's monitor, which has been told of it when it was started. */
import { TsrunError } from "../errors.ts";
import type { ContainerRecord, ContainerState, RestartPolicy } from "./types.ts";

/** Throws ERR_TSRUN_RESTART_POLICY_RUNNING where a monitor has another policy already. */
export function changeRestartPolicy(
  record: ContainerRecord,
  state: ContainerState,
  policy: RestartPolicy,
): void {
  const now = record.options.restartPolicy ?? { name: "no", maximumRetryCount: 0 };
  if (state.status !== "running") return;
  if (now.name === policy.name && now.maximumRetryCount === policy.maximumRetryCount) return;
  throw new TsrunError(
    "ERR_TSRUN_RESTART_POLICY_RUNNING",
    `the restart policy of container ${record.name} cannot be changed while it runs`,
    { hint: `stop it first: tsrun stop ${record.name}` },
  );
}

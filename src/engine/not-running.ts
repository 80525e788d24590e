/** What needs a container that runs, said of one that does not. */
import { TsrunError } from "../errors.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

/** ERR_TSRUN_CONTAINER_NOT_RUNNING, in docker's words. */
export function notRunning(record: ContainerRecord, { status }: ContainerState): TsrunError {
  const message =
    status === "restarting"
      ? `Container ${record.id} is restarting, wait until the container is running`
      : `container ${record.id} is not running`;
  return new TsrunError("ERR_TSRUN_CONTAINER_NOT_RUNNING", message, {
    hint: `it is ${status}; its log may tell why: tsrun logs ${record.name}`,
  });
}

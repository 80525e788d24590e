/** The errors of the OCI interface. Engines read the texts of some of them: those are runc's, word for word. */
import { type ErrorCode, TsrunError } from "../errors.ts";

/** The exit code of the OCI interface's own failures. */
const EXIT_FAILURE = 1;

export function ociError(code: ErrorCode, message: string, cause?: unknown): TsrunError {
  return new TsrunError(code, message, {
    exitCode: EXIT_FAILURE,
    ...(cause === undefined ? {} : { cause }),
  });
}

export const doesNotExist = (): TsrunError =>
  ociError("ERR_TSRUN_OCI_CONTAINER_NOT_FOUND", "container does not exist");

export const alreadyExists = (): TsrunError =>
  ociError("ERR_TSRUN_OCI_CONTAINER_EXISTS", "container with given ID already exists");

export const invalidId = (): TsrunError =>
  ociError("ERR_TSRUN_OCI_ID_INVALID", "invalid container ID format");

export const notRunning = (): TsrunError => ociError("ERR_TSRUN_OCI_NOT_RUNNING", "container not running");

/** An operation that the container's status does not allow. */
export const wrongStatus = (message: string): TsrunError => ociError("ERR_TSRUN_OCI_STATUS", message);

/** Something in config.json or process.json, or on the command line, that cannot be. */
export const invalidRequest = (message: string, cause?: unknown): TsrunError =>
  ociError("ERR_TSRUN_OCI_REQUEST_INVALID", message, cause);

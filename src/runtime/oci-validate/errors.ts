import { TsrunError } from "../../errors.ts";

/** The exit code of an OCI runtime's own failures. */
const EXIT_FAILURE = 1;

/** A configuration that cannot be carried out, before anything of it is. Engines read the texts that runc has too. */
export function invalidConfig(message: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_OCI_CONFIG_INVALID", message, {
    exitCode: EXIT_FAILURE,
    ...(cause === undefined ? {} : { cause }),
  });
}

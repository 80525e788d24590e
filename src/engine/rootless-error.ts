/** What keeps an ordinary user's tsrun from its namespaces, as the launcher (native/rootless) has found it. */
import { TsrunError } from "../errors.ts";

/** The launcher says it in TSRUN_ROOTLESS_ERROR: what went wrong, and on a second line what to do. */
export function rootlessError(env: Readonly<Record<string, string | undefined>>): TsrunError {
  const [reason, hint] = (env["TSRUN_ROOTLESS_ERROR"] ?? "").split("\n");
  return reason
    ? new TsrunError("ERR_TSRUN_ROOTLESS", reason, {
        hint: hint || "`tsrun doctor` looks for what is missing",
      })
    : new TsrunError(
        "ERR_TSRUN_ROOTLESS",
        "an ordinary user's containers need namespaces of the user's own",
        {
          hint: "start by bin/tsrun, or a program that uses the library by native/build/tsrun-rootless PROGRAM",
        },
      );
}

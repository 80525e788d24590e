/** Whose users a RUN has: those that the configuration's userns-remap gives to all containers, or the host's. */
import type { Config } from "../../config.ts";
import type { UserNamespace } from "../../engine/types.ts";
import { userNamespaceMode, validateUserNamespace } from "../../engine/userns/mode.ts";
import { TsrunError } from "../../errors.ts";
import { HOST_USERS_HINT } from "../errors.ts";
import type { BuildOptions } from "../types.ts";

const ANY = { image: "" };

/** undefined: the host's. Throws ERR_TSRUN_OPTION_CONFLICT and ERR_TSRUN_USERNS_*. */
export async function usersOfRuns(
  config: Config,
  { network }: Pick<BuildOptions, "network">,
): Promise<UserNamespace | undefined> {
  if (userNamespaceMode(config, ANY).kind === "host") return undefined;
  if (network === "host") {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      "cannot share the host's network namespace when user namespaces are enabled",
      { hint: HOST_USERS_HINT },
    );
  }
  validateUserNamespace(config, ANY);
  const { remappedUsers } = await import("../../engine/userns/decide.ts");
  return remappedUsers(config);
}

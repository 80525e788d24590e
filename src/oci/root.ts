/** Where the states of containers are kept when nothing else is said. */
import { join } from "node:path";
import { hostUser, lacksHostRoot } from "../kernel/rootless.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** tsrun's directory on a tmpfs: the user's own where this is not root. */
export function runDirectory(env: Environment = process.env): string {
  if (!lacksHostRoot()) return "/run/tsrun";
  return join(env.XDG_RUNTIME_DIR || `/run/user/${hostUser()}`, "tsrun");
}

export const defaultRoot = (env?: Environment): string => join(runDirectory(env), "oci");

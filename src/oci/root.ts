/** Where the states of containers are kept when nothing else is said. */
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** tsrun's directory on a tmpfs: the user's own where this is not root. */
export function runDirectory(env: Environment = process.env): string {
  const isRoot = process.geteuid?.() === 0;
  return isRoot ? "/run/tsrun" : join(env.XDG_RUNTIME_DIR || `/run/user/${process.getuid?.()}`, "tsrun");
}

export const defaultRoot = (env?: Environment): string => join(runDirectory(env), "oci");

/** `--restart`: when a container that has ended is started again. */
import type { RestartPolicy } from "../../engine/types.ts";

const NAMES = ["no", "always", "on-failure", "unless-stopped"] as const;

/** POLICY or on-failure:COUNT; throws in docker's words. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [word = "", count, ...rest] = text.split(":");
  if (word === "" && count !== undefined)
    throw new Error("invalid restart policy format: no policy provided before colon");
  const name = NAMES.find((known) => known === (word || "no"));
  if (name === undefined) {
    throw new Error(
      `invalid restart policy: unknown policy '${word}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (count === undefined) return { name, maximumRetryCount: 0 };
  if (rest.length > 0 || !/^-?\d+$/.test(count))
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  if (name !== "on-failure")
    throw new Error("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  if (Number(count) < 0) throw new Error("invalid restart policy: maximum retry count cannot be negative");
  return { name, maximumRetryCount: Number(count) };
}

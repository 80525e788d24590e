/** `--restart`. */
import type { RestartPolicy } from "../../engine/types.ts";

const NAMES = ["no", "always", "unless-stopped", "on-failure"] as const satisfies RestartPolicy["name"][];

/** `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:COUNT`; undefined for the empty word, as docker takes it. */
export function parseRestartPolicy(text: string): RestartPolicy | undefined {
  if (text === "") return undefined;
  const [word = "", count, ...rest] = text.split(":");
  if (word === "") throw new Error("invalid restart policy format: no policy provided before colon");
  const name = NAMES.find((candidate) => candidate === word);
  if (name === undefined) {
    throw new Error(
      `invalid restart policy: unknown policy '${word}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (count === undefined || (count === "" && rest.length === 0)) return { name, maximumRetryCount: 0 };
  if (rest.length > 0 || !/^[+-]?\d+$/.test(count)) {
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  }
  const maximumRetryCount = Number(count);
  if (maximumRetryCount < 0)
    throw new Error("invalid restart policy: maximum retry count cannot be negative");
  if (maximumRetryCount > 0 && name !== "on-failure") {
    throw new Error("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  return { name, maximumRetryCount };
}

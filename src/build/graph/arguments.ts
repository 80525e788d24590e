/** ARG: what stages are told from outside, and the variables that are there without being asked for. */
import { formatPlatform, type Platform } from "../../image/platform.ts";
import { expandWord } from "../dockerfile/index.ts";
import type { ArgCommand } from "../dockerfile/types.ts";

export type Variables = ReadonlyMap<string, string>;

/** Known to every Dockerfile by these names in any case; neither in the history nor in the keys of the cache. */
const PROXIES = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/** KEY=VALUE in both cases of each proxy variable that was given. */
export function proxyVariables(buildArgs: Variables): string[] {
  return [...buildArgs].flatMap(([key, value]) =>
    PROXIES.includes(key.toLowerCase())
      ? [`${key.toUpperCase()}=${value}`, `${key.toLowerCase()}=${value}`]
      : [],
  );
}

/** What stands before the first FROM, for FROM lines and for stages that name it in an ARG of their own. */
export function globalVariables(
  globals: readonly ArgCommand[],
  {
    buildArgs,
    target,
    platform,
    host,
    token,
  }: {
    buildArgs: Variables;
    target: string | undefined;
    platform: Platform;
    host: Platform;
    token: "\\" | "`";
  },
): Variables {
  const variables = new Map([
    ...platformVariables("BUILD", host),
    ...platformVariables("TARGET", platform),
    ["TARGETSTAGE", target || "default"] as const,
  ]);
  for (const key of variables.keys()) {
    const given = buildArgs.get(key);
    if (given !== undefined) variables.set(key, given);
  }
  for (const { key, value } of globals.flatMap(({ pairs }) => pairs)) {
    const given = buildArgs.get(key);
    const lookup = (name: string): string | undefined => variables.get(name);
    if (given !== undefined) variables.set(key, given);
    else if (value !== undefined) variables.set(key, expandWord(value, lookup, token).text);
  }
  return variables;
}

function platformVariables(prefix: string, platform: Platform): [string, string][] {
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
}

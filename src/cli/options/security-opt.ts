/** `--security-opt`. What may be asked is the engine's knowledge (engine/security-opt.ts). */
import { resolve } from "node:path";

/** A seccomp profile's path becomes absolute; docker's older "key:value" spelling becomes "key=value". */
export function resolveSecurityOpt(option: string, cwd: string): string {
  const [, key, value] = /^([^=:]+)[=:](.+)$/s.exec(option) ?? [];
  if (key === undefined || value === undefined) return option;
  const isFile = key === "seccomp" && value !== "unconfined" && value !== "builtin";
  return `${key}=${isFile ? resolve(cwd, value) : value}`;
}

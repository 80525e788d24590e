/** What a container may do, of options and configuration: capabilities and the seccomp filter. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { effectiveCapabilities } from "../runtime/capabilities.ts";
import type { OciSeccomp } from "../runtime/oci.ts";
import type { SeccompFilter } from "../runtime/plan/identity.ts";
import type { EngineContext } from "./context.ts";
import { parseSecurityOptions } from "./security-opt.ts";
import type { ContainerOptions } from "./types.ts";

export function containerCapabilities(options: ContainerOptions): string[] {
  return effectiveCapabilities({
    add: options.capAdd ?? [],
    drop: options.capDrop ?? [],
    privileged: options.privileged ?? false,
  });
}

/** Whether tsrun's own profile applies, about which nothing can be wrong. */
export function usesDefaultSeccomp(context: EngineContext, options: ContainerOptions): boolean {
  return (
    parseSecurityOptions(options).seccomp === "default" && context.config["seccomp-profile"] === undefined
  );
}

/** The profile that applies, resolved for these capabilities; undefined for unconfined. */
export async function seccompProfile(
  context: EngineContext,
  options: ContainerOptions,
  capabilities: readonly string[],
): Promise<OciSeccomp | undefined> {
  const { seccomp } = parseSecurityOptions(options);
  if (seccomp === "unconfined") return undefined;
  const file = seccomp === "default" ? context.config["seccomp-profile"] : seccomp.file;
  const { resolveProfile } = await import("../runtime/seccomp/resolve.ts");
  const target = { capabilities, arch: process.arch, kernel: release() };
  if (file === undefined) {
    const { defaultProfile } = await import("../runtime/seccomp/default-profile.ts");
    return resolveProfile(defaultProfile(), target);
  }
  const { parseProfile } = await import("../runtime/seccomp/profile.ts");
  return resolveProfile(parseProfile(readProfile(file), file), target);
}

function readProfile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "no such file or directory" : String(cause);
    throw new TsrunError(
      "ERR_TSRUN_SECCOMP_PROFILE_INVALID",
      `opening seccomp profile (${file}) failed: ${reason}`,
      {
        hint: "name a file in the format of docker's profiles, or write seccomp=unconfined",
        cause,
      },
    );
  }
}

/**
 * The profile compiled; programs are kept in <root>/cache/seccomp, so that libseccomp is rarely needed. tsrun's own
 * profile, which has no flags, is not even looked at where its program is there.
 */
export async function containerFilter(
  context: EngineContext,
  options: ContainerOptions,
): Promise<SeccompFilter | undefined> {
  const capabilities = containerCapabilities(options);
  const { defaultFilter, seccompFilter } = await import("../runtime/seccomp/filter.ts");
  const cache = filterCache(context);
  if (usesDefaultSeccomp(context, options))
    return { program: await defaultFilter(cache, capabilities), flags: [] };
  const profile = await seccompProfile(context, options, capabilities);
  return profile && { program: await seccompFilter(cache, profile), flags: profile.flags ?? [] };
}

const filterCache = ({ paths }: EngineContext): string => join(paths.root, "cache", "seccomp");

/** The compiled filter of a configuration. */
import { join } from "node:path";
import type { OciConfig } from "../runtime/oci.ts";
import type { SeccompFilter } from "../runtime/plan/identity.ts";
import { runDirectory } from "./root.ts";

export async function seccompOf({ linux }: OciConfig): Promise<SeccompFilter | undefined> {
  const { seccomp } = linux;
  if (seccomp === undefined) return undefined;
  const { seccompFilter } = await import("../runtime/seccomp/filter.ts");
  return {
    program: await seccompFilter(join(runDirectory(), "seccomp"), seccomp),
    flags: seccomp.flags ?? [],
  };
}

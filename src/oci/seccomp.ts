/** The compiled filter of a configuration. */
import { join } from "node:path";
import type { OciConfig } from "../runtime/oci.ts";
import { notifies } from "../runtime/oci-validate/seccomp.ts";
import { flagBits, SECCOMP } from "../runtime/plan/constants.ts";
import type { SeccompFilter } from "../runtime/plan/identity.ts";
import { runDirectory } from "./root.ts";
import { debug } from "./warnings.ts";

export async function seccompOf({ linux }: OciConfig): Promise<SeccompFilter | undefined> {
  const { seccomp } = linux;
  if (seccomp === undefined) return undefined;
  const { seccompFilter } = await import("../runtime/seccomp/filter.ts");
  const listens = notifies(seccomp);
  const flags = filterFlags(seccomp.flags);
  const bits = flagBits(SECCOMP, [...flags, ...(listens ? ["SECCOMP_FILTER_FLAG_NEW_LISTENER"] : [])]);
  debug(`seccomp filter flags: ${bits}`);
  return { program: await seccompFilter(join(runDirectory(), "seccomp"), seccomp), flags, listens };
}

/** Where none are said, speculation stays as it is: a filter turned it off before Linux 5.16, at a price. */
const DEFAULT_FLAGS: readonly string[] = ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"];

/** The process has one thread: there are no others to which the filter has to go too. */
const filterFlags = (flags: readonly string[] = DEFAULT_FLAGS): string[] =>
  flags.filter((flag) => flag !== "SECCOMP_FILTER_FLAG_TSYNC");

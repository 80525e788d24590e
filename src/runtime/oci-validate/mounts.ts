/** What a mount must be, and its form for the Plan (config.md, "Mounts"). */
import { statfsSync } from "node:fs";
import { isAbsolute, posix, resolve } from "node:path";
import type { OciConfig, OciIdMapping, OciMount } from "../oci.ts";
import { parseMountOptions } from "../plan/mount-options.ts";
import { isBind } from "../plan/mounts.ts";
import { isIdmapped } from "../plan/oci-input.ts";
import type { Rule, ValidationContext } from "./context.ts";
import { invalidConfig } from "./errors.ts";

/** With paths that are absolute and mean what they say. `rootfs` is the absolute path of the root filesystem. */
export function completeMount(
  mount: OciMount,
  rootfs: string,
  { bundle, warn }: ValidationContext,
): OciMount {
  const { destination, source = "" } = mount;
  if (!destination) throw invalidConfig(`${named(mount)}: mount destination is missing`);
  if (!isAbsolute(destination)) {
    warn(`mount destination ${destination} is not absolute: it is taken as relative to /`);
  }
  return {
    ...mount,
    destination: withinRoot(posix.resolve("/", destination), rootfs),
    ...(isBind(mount) && !(mount.options ?? []).includes("remount")
      ? { source: isAbsolute(source) ? source : resolve(bundle, source) }
      : {}),
  };
}

/** Some say where the destination is on the host. */
const withinRoot = (path: string, rootfs: string): string =>
  path.startsWith(`${rootfs}/`) ? path.slice(rootfs.length) : path;

const named = ({ destination = "", type = "", source = "" }: Partial<OciMount>): string =>
  `invalid mount {Destination:${destination} Type:${type} Source:${source}}`;

export const checkMounts: Rule = (config, context) => {
  for (const mount of config.mounts) {
    const why = flaw(mount, config, context);
    if (why !== undefined) throw invalidConfig(`${named(mount)}: ${why}`);
    if (context.rootless) checkOwners(mount, config);
  }
};

/** What may lie on single files of /proc, for those who count for a container what the kernel counts for the host. */
const PROC_FILES: ReadonlySet<string> = new Set(
  [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
    "uptime",
  ].map((name) => `/proc/${name}`),
);

function flaw(mount: OciMount, config: OciConfig, { rootless }: ValidationContext): string | undefined {
  const { destination } = mount;
  if (destination.startsWith("/proc/") && !PROC_FILES.has(destination)) {
    return `${JSON.stringify(destination)} cannot be mounted because it is inside /proc`;
  }
  const options = parseMountOptions(mount.options ?? []);
  if (destination === "/proc" && !options.remount && !isProc(mount)) {
    return `${JSON.stringify(destination)} cannot be mounted because it is not of type proc`;
  }
  if (isBind(mount) && options.data !== "") {
    return `bind mounts cannot have any filesystem-specific options applied (${options.data})`;
  }
  if (!isIdmapped(mount) && mount.gidMappings === undefined) return undefined;
  if (!isBind(mount)) return "id-mapped mounts are only supported for bind-mounts";
  if (rootless) return "id-mapped mounts are not supported for rootless containers";
  const own = mount.uidMappings !== undefined || mount.gidMappings !== undefined;
  const joined = config.linux.namespaces.some(({ type, path }) => type === "user" && path);
  if (!own && joined) return undefined;
  const { uidMappings = [], gidMappings = [] } = own ? mount : config.linux;
  return uidMappings.length === 0 || gidMappings.length === 0
    ? "id-mapped mounts must have both uid and gid mappings specified"
    : undefined;
}

/** <linux/magic.h> */
const PROC_SUPER_MAGIC = 0x9fa0;

/** Whether /proc becomes the kernel's, by which the runtime and the container look at processes. */
function isProc(mount: OciMount): boolean {
  if (!isBind(mount)) return mount.type === "proc";
  try {
    return statfsSync(mount.source ?? "").type === PROC_SUPER_MAGIC;
  } catch {
    return true; // There is none, which is said when it is bound.
  }
}

/** Owners that the user namespace does not know would be refused by the kernel, which does not say why. */
function checkOwners({ options = [] }: OciMount, { linux }: OciConfig): void {
  for (const option of options) {
    const [, kind, id] = /^([ug]id)=(\d+)$/.exec(option) ?? [];
    if (id === undefined) continue;
    const mappings = kind === "uid" ? linux.uidMappings : linux.gidMappings;
    if (mappings !== undefined && !isMapped(mappings, Number(id))) {
      throw invalidConfig(
        `cannot specify ${option} mount option for rootless container: ${id} is not mapped`,
      );
    }
  }
}

const isMapped = (mappings: readonly OciIdMapping[], id: number): boolean =>
  mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);

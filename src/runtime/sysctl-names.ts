/** Names of kernel settings, and which of them belong to a namespace. */

/** The System V IPC parameters that belong to the IPC namespace (ipc_namespaces(7)). */
const IPC: ReadonlySet<string> = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Whether a name with dots is a setting of the IPC namespace. */
export const isIpcSysctl = (name: string): boolean => IPC.has(name) || name.startsWith("fs.mqueue.");

/**
 * The name with dots between its parts, as sysctl(8) prints it. Where the first separator is a slash, slashes separate
 * and a dot is part of a name (sysctl.d(5)): "net/ipv4/conf/eth0.1/rp_filter" is "net.ipv4.conf.eth0/1.rp_filter".
 */
export function dottedSysctl(written: string): string {
  return /[./]/.exec(written)?.[0] === "/" ? swapSeparators(written) : written;
}

/** Below /proc/sys, of a name with dots. */
export const sysctlPath = (dotted: string): string => swapSeparators(dotted);

const swapSeparators = (name: string): string =>
  name.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));

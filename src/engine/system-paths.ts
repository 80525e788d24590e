/**
 * What of /proc and /sys a container must not see or not write. These filesystems are the kernel's, not the
 * container's: much in them is about the whole host, and no namespace covers it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCpuList } from "../runtime/plan/cpu-list.ts";

/** Hidden: hardware, kernel memory and keys, and timings precise enough for side channels. */
export const MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** Visible, but a write would reconfigure the host. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** Each CPU's thermal_throttle directory, whose counters tell what other tenants do; Intel CPUs have it. */
export function thermalThrottlePaths(sysfs = "/sys"): string[] {
  const cpus = join(sysfs, "devices/system/cpu");
  if (!existsSync(join(cpus, "cpu0/thermal_throttle"))) return [];
  const possible = parseCpuList(readFileSync(join(cpus, "possible"), "latin1").trim()) ?? [];
  return possible.map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
}

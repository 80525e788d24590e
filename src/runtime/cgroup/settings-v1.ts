/** OciResources as files of cgroup v1 directories (the kernel's Documentation/admin-guide/cgroup-v1/). */
import type { OciResources, OciThrottle } from "../oci.ts";
import { memoryLimits } from "./memory.ts";
import type { Setting } from "./setting.ts";

export function settingsV1(resources: OciResources, isNew: boolean): Setting[] {
  return [
    ...memorySettings(resources.memory, isNew),
    ...cpuSettings(resources.cpu),
    ...pidsSettings(resources.pids),
    ...blkioSettings(resources.blockIO),
  ];
}

/** In an update; a new cpuset has to be given both lists in any case. */
export function cpusetSettings(cpu: OciResources["cpu"]): Setting[] {
  const settings: Setting[] = [];
  for (const which of ["cpus", "mems"] as const) {
    const value = cpu?.[which];
    if (!value) continue;
    settings.push({
      controller: "cpuset",
      option: `--cpuset-${which}`,
      files: { [`cpuset.${which}`]: value },
    });
  }
  return settings;
}

function memorySettings(memory: OciResources["memory"], isNew: boolean): Setting[] {
  if (memory === undefined) return [];
  const { limit, total, totalImplied, reservation } = memoryLimits(memory, isNew);
  const settings: Setting[] = [];
  const set = (option: string, file: string, value: number, implied = false) =>
    settings.push({ controller: "memory", option, files: { [file]: String(value) }, implied });
  if (limit !== undefined) set("--memory", "memory.limit_in_bytes", limit);
  if (total !== undefined) set("--memory-swap", "memory.memsw.limit_in_bytes", total, totalImplied);
  if (reservation !== undefined) set("--memory-reservation", "memory.soft_limit_in_bytes", reservation);
  if (memory.swappiness !== undefined && memory.swappiness !== -1) {
    set("--memory-swappiness", "memory.swappiness", memory.swappiness);
  }
  if (memory.disableOOMKiller === true) set("--oom-kill-disable", "memory.oom_control", 1);
  return settings;
}

function cpuSettings(cpu: OciResources["cpu"]): Setting[] {
  const settings: Setting[] = [];
  const set = (option: string, file: string, value: number) =>
    settings.push({ controller: "cpu", option, files: { [file]: String(value) } });
  if (cpu?.shares) set("--cpu-shares", "cpu.shares", cpu.shares);
  // The quota is judged against the period, so the period goes first.
  if (cpu?.period) set("--cpu-period", "cpu.cfs_period_us", cpu.period);
  if (cpu?.quota) set("--cpus", "cpu.cfs_quota_us", cpu.quota);
  return settings;
}

function pidsSettings(pids: OciResources["pids"]): Setting[] {
  if (pids === undefined) return [];
  const value = pids.limit <= 0 ? "max" : String(pids.limit);
  return [{ controller: "pids", option: "--pids-limit", files: { "pids.max": value } }];
}

function blkioSettings(blockIO: OciResources["blockIO"]): Setting[] {
  if (blockIO === undefined) return [];
  const settings: Setting[] = [];
  const set = (option: string, files: Record<string, string>) =>
    settings.push({ controller: "blkio", option, files });
  // blkio.weight went with the CFQ scheduler in Linux 5.0; BFQ brings its own.
  if (blockIO.weight) {
    const weight = String(blockIO.weight);
    set("--blkio-weight", { "blkio.weight": weight, "blkio.bfq.weight": weight });
  }
  for (const { major, minor, weight } of blockIO.weightDevice ?? []) {
    const value = `${major}:${minor} ${weight}`;
    set("--blkio-weight-device", { "blkio.weight_device": value, "blkio.bfq.weight_device": value });
  }
  const throttle = (option: string, file: string, devices: OciThrottle[] | undefined) => {
    for (const { major, minor, rate } of devices ?? []) {
      set(option, { [`blkio.throttle.${file}`]: `${major}:${minor} ${Math.max(rate, 0)}` });
    }
  };
  throttle("--device-read-bps", "read_bps_device", blockIO.throttleReadBpsDevice);
  throttle("--device-write-bps", "write_bps_device", blockIO.throttleWriteBpsDevice);
  throttle("--device-read-iops", "read_iops_device", blockIO.throttleReadIOPSDevice);
  throttle("--device-write-iops", "write_iops_device", blockIO.throttleWriteIOPSDevice);
  return settings;
}

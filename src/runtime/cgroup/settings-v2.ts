/** OciResources as files of a cgroup v2 directory (the kernel's Documentation/admin-guide/cgroup-v2.rst). */
import type { OciResources, OciThrottle } from "../oci.ts";
import { memoryLimits, refuseV1Only } from "./memory.ts";
import type { Setting } from "./setting.ts";

const max = (value: number): string => (value < 0 ? "max" : String(value));

export function settingsV2(resources: OciResources, isNew: boolean): Setting[] {
  return [
    ...cpusetSettings(resources.cpu),
    ...memorySettings(resources.memory, isNew),
    ...cpuSettings(resources.cpu),
    ...pidsSettings(resources.pids),
    ...ioSettings(resources.blockIO),
  ];
}

function memorySettings(memory: OciResources["memory"], isNew: boolean): Setting[] {
  if (memory === undefined) return [];
  refuseV1Only(memory);
  const { limit, total, totalImplied, reservation } = memoryLimits(memory, isNew);
  const settings: Setting[] = [];
  const set = (option: string, file: string, bytes: number, implied = false) =>
    settings.push({ controller: "memory", option, files: { [file]: max(bytes) }, implied });
  if (limit !== undefined) set("--memory", "memory.max", limit);
  // v2 counts swap apart from memory.
  if (total !== undefined) {
    set("--memory-swap", "memory.swap.max", total === -1 ? -1 : total - (limit ?? 0), totalImplied);
  }
  if (reservation !== undefined) set("--memory-reservation", "memory.low", reservation);
  return settings;
}

function cpuSettings(cpu: OciResources["cpu"]): Setting[] {
  const settings: Setting[] = [];
  if (cpu?.shares) {
    const weight = String(sharesToWeight(cpu.shares));
    settings.push({ controller: "cpu", option: "--cpu-shares", files: { "cpu.weight": weight } });
  }
  if (cpu?.quota || cpu?.period) {
    const quota = cpu.quota && cpu.quota > 0 ? String(cpu.quota) : "max";
    const value = cpu.period ? `${quota} ${cpu.period}` : quota;
    settings.push({ controller: "cpu", option: "--cpus", files: { "cpu.max": value } });
  }
  return settings;
}

/** v1's 2..262144 onto v2's 1..10000, as the other runtimes do it. */
export function sharesToWeight(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((clamped - 2) * 9999) / 262142);
}

function cpusetSettings(cpu: OciResources["cpu"]): Setting[] {
  const settings: Setting[] = [];
  if (cpu?.cpus)
    settings.push({ controller: "cpuset", option: "--cpuset-cpus", files: { "cpuset.cpus": cpu.cpus } });
  if (cpu?.mems)
    settings.push({ controller: "cpuset", option: "--cpuset-mems", files: { "cpuset.mems": cpu.mems } });
  return settings;
}

function pidsSettings(pids: OciResources["pids"]): Setting[] {
  if (pids === undefined) return [];
  const value = pids.limit <= 0 ? "max" : String(pids.limit);
  return [{ controller: "pids", option: "--pids-limit", files: { "pids.max": value } }];
}

function ioSettings(blockIO: OciResources["blockIO"]): Setting[] {
  if (blockIO === undefined) return [];
  const settings: Setting[] = [];
  const set = (option: string, files: Record<string, string>) =>
    settings.push({ controller: "io", option, files });
  if (blockIO.weight) {
    set("--blkio-weight", {
      "io.bfq.weight": String(blockIO.weight),
      "io.weight": String(blkioToIoWeight(blockIO.weight)),
    });
  }
  for (const { major, minor, weight } of blockIO.weightDevice ?? []) {
    const device = `${major}:${minor}`;
    set("--blkio-weight-device", {
      "io.bfq.weight": `${device} ${weight}`,
      "io.weight": `${device} ${blkioToIoWeight(weight)}`,
    });
  }
  const throttle = (option: string, key: string, devices: OciThrottle[] | undefined) => {
    for (const { major, minor, rate } of devices ?? []) {
      set(option, { "io.max": `${major}:${minor} ${key}=${rate <= 0 ? "max" : rate}` });
    }
  };
  throttle("--device-read-bps", "rbps", blockIO.throttleReadBpsDevice);
  throttle("--device-write-bps", "wbps", blockIO.throttleWriteBpsDevice);
  throttle("--device-read-iops", "riops", blockIO.throttleReadIOPSDevice);
  throttle("--device-write-iops", "wiops", blockIO.throttleWriteIOPSDevice);
  return settings;
}

/** v1's 10..1000 onto io.weight's 1..10000. */
function blkioToIoWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

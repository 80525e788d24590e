/** OciResources as files of cgroup v1 directories (the kernel's Documentation/admin-guide/cgroup-v1/). */
import type { OciResources, OciThrottle } from "../oci.ts";
import { limitUnsupported } from "./errors.ts";
import { memoryLimits } from "./memory.ts";
import type { Setting } from "./setting.ts";
import { hugepageSettings, pidsSettings, rdmaSettings } from "./settings.ts";
import { type Words, wordFor } from "./words.ts";

export function settingsV1(resources: OciResources, isNew: boolean, words: Words = "docker"): Setting[] {
  refuseUnified(resources.unified);
  const settings = [
    ...memorySettings(resources.memory, isNew, words),
    ...cpuSettings(resources.cpu),
    ...pidsSettings(resources.pids, words),
    ...blkioSettings(resources.blockIO),
    ...hugepageSettings(resources.hugepageLimits, "limit_in_bytes"),
    ...networkSettings(resources.network),
    ...rdmaSettings(resources.rdma),
  ];
  return settings.map((setting) => ({ ...setting, option: wordFor(words, setting.option) }));
}

/** In an update; a new cpuset has to be given both lists in any case. */
export function cpusetSettings(cpu: OciResources["cpu"], words: Words = "docker"): Setting[] {
  const settings: Setting[] = [];
  for (const which of ["cpus", "mems"] as const) {
    const value = cpu?.[which];
    if (!value) continue;
    settings.push({
      controller: "cpuset",
      option: wordFor(words, `--cpuset-${which}`),
      files: { [`cpuset.${which}`]: value },
    });
  }
  return settings;
}

function refuseUnified(unified: OciResources["unified"]): void {
  if (unified === undefined || Object.keys(unified).length === 0) return;
  throw limitUnsupported(
    "invalid configuration: linux.resources.unified",
    "it names files of cgroup v2, and this host has cgroup v1",
    "use the other fields of linux.resources",
  );
}

function memorySettings(memory: OciResources["memory"], isNew: boolean, words: Words): Setting[] {
  if (memory === undefined) return [];
  const { limit, total, totalImplied, reservation } = memoryLimits(memory, isNew, words);
  const settings: Setting[] = [];
  const set = (option: string, file: string, value: number, more: Partial<Setting> = {}) =>
    settings.push({ controller: "memory", option, files: { [file]: String(value) }, ...more });
  if (memory.useHierarchy !== undefined) {
    set("memory.useHierarchy", "memory.use_hierarchy", memory.useHierarchy ? 1 : 0, {
      implied: memory.useHierarchy,
    });
  }
  // Memory plus swap may never be below memory: to raise both, the sum has to go first; to lower both, last.
  if (limit !== undefined) set("--memory", "memory.limit_in_bytes", limit, { relative: true });
  if (total !== undefined) {
    const more = { implied: totalImplied, relative: true };
    set("--memory-swap", "memory.memsw.limit_in_bytes", total, more);
  }
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
    settings.push({ controller: "cpu", option, files: { [file]: String(value) }, relative: true });
  if (cpu?.shares) set("--cpu-shares", "cpu.shares", cpu.shares);
  // Each of these is judged against the others.
  if (cpu?.period) set("--cpu-period", "cpu.cfs_period_us", cpu.period);
  if (cpu?.quota) set("--cpus", "cpu.cfs_quota_us", cpu.quota);
  if (cpu?.burst !== undefined) set("cpu.burst", "cpu.cfs_burst_us", cpu.burst);
  if (cpu?.idle !== undefined) set("cpu.idle", "cpu.idle", cpu.idle);
  if (cpu?.realtimePeriod) set("--cpu-rt-period", "cpu.rt_period_us", cpu.realtimePeriod);
  if (cpu?.realtimeRuntime) set("--cpu-rt-runtime", "cpu.rt_runtime_us", cpu.realtimeRuntime);
  return settings;
}

function blkioSettings(blockIO: OciResources["blockIO"]): Setting[] {
  if (blockIO === undefined) return [];
  const settings: Setting[] = [];
  const set = (option: string, files: Record<string, string>) =>
    settings.push({ controller: "blkio", option, files });
  // blkio.weight went with the CFQ scheduler in Linux 5.0; BFQ brings its own, without leaf weights.
  if (blockIO.weight) {
    const weight = String(blockIO.weight);
    set("--blkio-weight", { "blkio.weight": weight, "blkio.bfq.weight": weight });
  }
  if (blockIO.leafWeight) {
    set("blockIO.leafWeight", { "blkio.leaf_weight": String(blockIO.leafWeight) });
  }
  for (const { major, minor, weight, leafWeight } of blockIO.weightDevice ?? []) {
    const device = `${major}:${minor}`;
    if (weight) {
      const value = `${device} ${weight}`;
      set("--blkio-weight-device", { "blkio.weight_device": value, "blkio.bfq.weight_device": value });
    }
    if (leafWeight) {
      set("blockIO.weightDevice", { "blkio.leaf_weight_device": `${device} ${leafWeight}` });
    }
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

function networkSettings(network: OciResources["network"]): Setting[] {
  const settings: Setting[] = [];
  if (network?.classID) {
    const files = { "net_cls.classid": String(network.classID) };
    settings.push({ controller: "net_cls", option: "network.classID", files });
  }
  for (const { name, priority } of network?.priorities ?? []) {
    const files = { "net_prio.ifpriomap": `${name} ${priority}` };
    settings.push({ controller: "net_prio", option: "network.priorities", files });
  }
  return settings;
}

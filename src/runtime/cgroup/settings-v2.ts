/** OciResources as files of a cgroup v2 directory (the kernel's Documentation/admin-guide/cgroup-v2.rst). */
import type { OciResources, OciThrottle } from "../oci.ts";
import { limitInvalid, limitUnsupported } from "./errors.ts";
import { memoryLimits, refuseV1Only } from "./memory.ts";
import type { Setting } from "./setting.ts";
import { hugepageSettings, pidsSettings, rdmaSettings } from "./settings.ts";
import { type Words, wordFor } from "./words.ts";

const max = (value: number): string => (value < 0 ? "max" : String(value));

export function settingsV2(resources: OciResources, isNew: boolean, words: Words = "docker"): Setting[] {
  refuseWithoutEquivalent(resources);
  const settings = [
    ...cpusetSettings(resources.cpu),
    ...memorySettings(resources.memory, isNew, words),
    ...cpuSettings(resources.cpu),
    ...pidsSettings(resources.pids, words),
    ...ioSettings(resources.blockIO),
    ...hugepageSettings(resources.hugepageLimits, "max"),
    ...rdmaSettings(resources.rdma),
    // Last, so that what they name explicitly holds.
    ...unifiedSettings(resources.unified),
  ];
  return settings.map((setting) => ({ ...setting, option: wordFor(words, setting.option) }));
}

/** config-linux.md, "Unified": where a limit of v1 has no equivalent, the runtime MUST generate an error. */
function refuseWithoutEquivalent({ network, cpu, blockIO }: OciResources): void {
  const refuse = (field: string, hint: string) => {
    throw limitUnsupported(`linux.resources.${field}`, "cgroup v2 has no such limit", hint);
  };
  if (network?.classID) refuse("network.classID", "match packets with nftables: socket cgroupv2");
  if (network?.priorities?.length) {
    refuse("network.priorities", "set priorities with nftables: meta priority set, socket cgroupv2");
  }
  if (cpu?.realtimeRuntime || cpu?.realtimePeriod) {
    refuse("cpu.realtimeRuntime", "give the process a realtime policy with process.scheduler");
  }
  if (blockIO?.leafWeight || blockIO?.weightDevice?.some(({ leafWeight }) => leafWeight)) {
    refuse("blockIO.leafWeight", "use blockIO.weight");
  }
}

function memorySettings(memory: OciResources["memory"], isNew: boolean, words: Words): Setting[] {
  if (memory === undefined) return [];
  refuseV1Only(memory, words);
  const { limit, total, totalImplied, reservation } = memoryLimits(memory, isNew, words);
  const settings: Setting[] = [];
  const set = (option: string, file: string, bytes: number, implied = false) =>
    settings.push({ controller: "memory", option, files: { [file]: max(bytes) }, implied });
  if (limit !== undefined) set("--memory", "memory.max", limit);
  // v2 counts swap apart from memory.
  if (total !== undefined) {
    const swap = total === -1 ? -1 : total - Math.max(limit ?? 0, 0);
    // Without swap accounting there is no swap to use either: both hold where the kernel has no such file.
    const holdsAnyway = words === "oci" && swap <= 0;
    set("--memory-swap", "memory.swap.max", swap, totalImplied || holdsAnyway);
  }
  if (reservation !== undefined) set("--memory-reservation", "memory.low", reservation);
  return settings;
}

function cpuSettings(cpu: OciResources["cpu"]): Setting[] {
  const settings: Setting[] = [];
  // Each of these is judged against another: the weight against idle, the quota against the burst.
  const set = (option: string, file: string, value: string) =>
    settings.push({ controller: "cpu", option, files: { [file]: value }, relative: true });
  if (cpu?.shares) set("--cpu-shares", "cpu.weight", String(sharesToWeight(cpu.shares)));
  if (cpu?.quota || cpu?.period) {
    const quota = cpu.quota && cpu.quota > 0 ? String(cpu.quota) : "max";
    set("--cpus", "cpu.max", cpu.period ? `${quota} ${cpu.period}` : quota);
  }
  if (cpu?.burst !== undefined) set("cpu.burst", "cpu.max.burst", String(cpu.burst));
  if (cpu?.idle !== undefined) set("cpu.idle", "cpu.idle", String(cpu.idle));
  return settings;
}

/**
 * v1's shares, 2..262144 with 1024 as default, onto v2's weight, 1..10000 with 100 as default: the power of ten whose
 * exponent is the parabola through these three points over log2(shares), as the other runtimes have it.
 */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

function cpusetSettings(cpu: OciResources["cpu"]): Setting[] {
  const settings: Setting[] = [];
  if (cpu?.cpus)
    settings.push({ controller: "cpuset", option: "--cpuset-cpus", files: { "cpuset.cpus": cpu.cpus } });
  if (cpu?.mems)
    settings.push({ controller: "cpuset", option: "--cpuset-mems", files: { "cpuset.mems": cpu.mems } });
  return settings;
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
    if (!weight) continue;
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

/** Files by name, whatever the kernel has: "memory.high" is the controller memory's. */
function unifiedSettings(unified: OciResources["unified"]): Setting[] {
  return Object.entries(unified ?? {}).map(([file, value]) => {
    const [controller = "", parameter] = file.split(".", 2);
    if (file.includes("/") || controller === "" || !parameter) {
      throw limitInvalid(
        `linux.resources.unified: "${file}" is not a control file's name`,
        'write it as CONTROLLER.PARAMETER: "memory.high"',
      );
    }
    return { controller, option: `unified.${file}`, files: { [file]: value }, relative: true };
  });
}

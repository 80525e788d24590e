/** The limits of `run` and `create`: from docker's flags, with docker's checks, to the units of the OCI specification. */
import { availableParallelism } from "node:os";
import { TsrunError } from "../../errors.ts";
import type { OciResources } from "../../runtime/oci.ts";
import { blockDevice, type DeviceRate, throttles } from "./device.ts";

const MIN_MEMORY = 6 * 1024 * 1024;
const CPU_PERIOD = 100_000;

export interface LimitFlags {
  memory: number | undefined;
  "memory-swap": number | undefined;
  "memory-reservation": number | undefined;
  "memory-swappiness": number | undefined;
  "oom-kill-disable": boolean;
  /** Billionths of a CPU. */
  cpus: number | undefined;
  "cpu-shares": number | undefined;
  "cpu-quota": number | undefined;
  "cpu-period": number | undefined;
  "cpuset-cpus": string | undefined;
  "cpuset-mems": string | undefined;
  "pids-limit": number | undefined;
  "blkio-weight": number | undefined;
  "blkio-weight-device": { path: string; weight: number }[];
  "device-read-bps": DeviceRate[];
  "device-write-bps": DeviceRate[];
  "device-read-iops": DeviceRate[];
  "device-write-iops": DeviceRate[];
}

const NONE: LimitFlags = {
  memory: undefined,
  "memory-swap": undefined,
  "memory-reservation": undefined,
  "memory-swappiness": undefined,
  "oom-kill-disable": false,
  cpus: undefined,
  "cpu-shares": undefined,
  "cpu-quota": undefined,
  "cpu-period": undefined,
  "cpuset-cpus": undefined,
  "cpuset-mems": undefined,
  "pids-limit": undefined,
  "blkio-weight": undefined,
  "blkio-weight-device": [],
  "device-read-bps": [],
  "device-write-bps": [],
  "device-read-iops": [],
  "device-write-iops": [],
};

interface Rules {
  /** Changes a container that has limits: what goes with one that is not named here is the engine's to check. */
  update?: boolean;
}

/** The limits asked for; undefined where there are none. Throws ERR_TSRUN_OPTION_INVALID or ERR_TSRUN_OPTION_CONFLICT. */
export function resources(
  given: Partial<LimitFlags>,
  { update = false }: Rules = {},
): OciResources | undefined {
  const flags: LimitFlags = { ...NONE, ...given };
  const limits: OciResources = {
    ...group("memory", memory(flags, update)),
    ...group("cpu", cpu(flags)),
    ...group("blockIO", blockIO(flags)),
  };
  const pids = flags["pids-limit"];
  // Zero is docker's "not set"; a negative number asks for no limit.
  if (pids) limits.pids = { limit: pids < 0 ? -1 : pids };
  return Object.keys(limits).length === 0 ? undefined : limits;
}

function group<Key extends keyof OciResources>(
  key: Key,
  value: NonNullable<OciResources[Key]>,
): OciResources {
  return Object.keys(value).length === 0 ? {} : { [key]: value };
}

function memory(flags: LimitFlags, update: boolean): NonNullable<OciResources["memory"]> {
  const { memory: limit = 0, "memory-swap": swap = 0, "memory-reservation": reservation = 0 } = flags;
  const swappiness = flags["memory-swappiness"] ?? -1;

  if (limit !== 0 && limit < MIN_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  if (limit > 0 && swap > 0 && swap < limit) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (limit === 0 && swap > 0 && !update) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (swappiness < -1 || swappiness > 100) {
    throw invalid(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  if (reservation !== 0 && reservation < MIN_MEMORY)
    throw invalid("Minimum memory reservation allowed is 6MB");
  if (limit > 0 && limit < reservation) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  return {
    ...(limit !== 0 && { limit }),
    ...(swap !== 0 && { swap }),
    ...(reservation !== 0 && { reservation }),
    ...(swappiness !== -1 && { swappiness }),
    ...(flags["oom-kill-disable"] && { disableOOMKiller: true }),
  };
}

function cpu(flags: LimitFlags): NonNullable<OciResources["cpu"]> {
  const nano = flags.cpus ?? 0;
  const shares = flags["cpu-shares"] ?? 0;
  let quota = flags["cpu-quota"] ?? 0;
  let period = flags["cpu-period"] ?? 0;

  if (shares < 0) throw invalid(`invalid CPU shares (${shares}): value must be a positive integer`);
  if (nano !== 0) {
    if (period !== 0) throw conflict("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (quota !== 0) throw conflict("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    checkCpuRange(nano);
    period = CPU_PERIOD;
    quota = Math.trunc((nano * CPU_PERIOD) / 1e9);
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (quota > 0 && quota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  return {
    ...(shares !== 0 && { shares }),
    ...(quota !== 0 && { quota }),
    ...(period !== 0 && { period }),
    ...(flags["cpuset-cpus"] && { cpus: flags["cpuset-cpus"] }),
    ...(flags["cpuset-mems"] && { mems: flags["cpuset-mems"] }),
  };
}

function checkCpuRange(nano: number): void {
  const available = availableParallelism();
  if (nano >= 1e7 && nano <= available * 1e9) return;
  throw invalid(
    `Range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
  );
}

function blockIO(flags: LimitFlags): NonNullable<OciResources["blockIO"]> {
  const weight = flags["blkio-weight"] ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw invalid("Range of blkio weight is from 10 to 1000");
  const weights = flags["blkio-weight-device"].map((entry) => ({
    ...blockDevice("--blkio-weight-device", entry.path),
    weight: entry.weight,
  }));
  const rates = {
    throttleReadBpsDevice: throttles("--device-read-bps", flags["device-read-bps"]),
    throttleWriteBpsDevice: throttles("--device-write-bps", flags["device-write-bps"]),
    throttleReadIOPSDevice: throttles("--device-read-iops", flags["device-read-iops"]),
    throttleWriteIOPSDevice: throttles("--device-write-iops", flags["device-write-iops"]),
  };
  return {
    ...(weight !== 0 && { weight }),
    ...(weights.length > 0 && { weightDevice: weights }),
    ...Object.fromEntries(Object.entries(rates).filter(([, list]) => list.length > 0)),
  };
}

function invalid(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_INVALID", message);
}

function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_CONFLICT", message);
}

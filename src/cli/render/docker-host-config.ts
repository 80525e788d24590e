/** The HostConfig of `inspect`: what was asked of this host. */
import { networkMode } from "../../engine/network-mode.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../engine/system-paths.ts";
import type { ContainerOptions, ContainerRecord, PortRequest } from "../../engine/types.ts";
import { portName } from "../../network/ports/types.ts";
import type { OciResources, OciThrottle } from "../../runtime/oci.ts";
import { goMap, goNilMap, goSlice, goStruct } from "../template/values.ts";
import { binds, mountSpecs } from "./docker-mounts.ts";

const DEFAULT_SHM_SIZE = 64 * 1024 * 1024;

export function hostConfig(record: ContainerRecord): object {
  const { options } = record;
  const unmasked = options.privileged || (options.securityOpt ?? []).includes("systempaths=unconfined");
  const document = {
    Binds: goSlice(binds(options)),
    ContainerIDFile: "",
    LogConfig: { Type: record.logDriver, Config: goMap(options.logOptions) },
    NetworkMode: networkMode(options),
    PortBindings: portBindings(options.ports ?? []),
    RestartPolicy: {
      Name: options.restartPolicy?.name ?? "no",
      MaximumRetryCount: options.restartPolicy?.maximumRetryCount ?? 0,
    },
    AutoRemove: options.autoRemove ?? false,
    VolumeDriver: options.volumeDriver ?? "",
    VolumesFrom: goSlice(options.volumesFrom),
    ConsoleSize: [0, 0],
    Annotations: goMap(options.annotations),
    CapAdd: goSlice(options.capAdd),
    CapDrop: goSlice(options.capDrop),
    CgroupnsMode: "private",
    Dns: options.dns ?? [],
    DnsOptions: options.dnsOptions ?? [],
    DnsSearch: options.dnsSearch ?? [],
    ExtraHosts: goSlice(options.extraHosts),
    GroupAdd: goSlice(options.groupAdd),
    IpcMode: options.ipc || "private",
    Cgroup: "",
    Links: goSlice(links(record)),
    OomScoreAdj: options.oomScoreAdj ?? 0,
    PidMode: options.pid ?? "",
    Privileged: options.privileged ?? false,
    PublishAllPorts: options.publishAll ?? false,
    ReadonlyRootfs: options.readOnly ?? false,
    SecurityOpt: goSlice(securityOptions(options)),
    ...(tmpfs(options) && { Tmpfs: tmpfs(options) }),
    UTSMode: options.uts ?? "",
    UsernsMode: options.userns ?? "",
    ShmSize: options.shmSize ?? DEFAULT_SHM_SIZE,
    ...(Object.keys(options.sysctls ?? {}).length > 0 && { Sysctls: goMap(options.sysctls) }),
    Runtime: "tsrun",
    Isolation: "",
    ...resources(options),
    CgroupParent: options.cgroupParent ?? "",
    Devices: (options.devices ?? []).map((device) => ({
      PathOnHost: device.host,
      PathInContainer: device.container,
      CgroupPermissions: device.permissions,
    })),
    DeviceCgroupRules: goSlice([]),
    DeviceRequests: goSlice([]),
    Ulimits: (options.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
    Mounts: goSlice(mountSpecs(options)),
    MaskedPaths: unmasked ? null : MASKED_PATHS,
    ReadonlyPaths: unmasked ? null : READONLY_PATHS,
    ...(options.init && { Init: true }),
  };
  return goStruct(document, {
    StorageOpt: goNilMap({}),
    Tmpfs: goNilMap({}),
    Sysctls: goNilMap({}),
    Init: null,
  });
}

/** Docker says of one that is part of the host that it has no label. */
function securityOptions({ securityOpt = [], privileged, pid, ipc }: ContainerOptions): string[] {
  const isHosts = privileged || pid === "host" || ipc === "host";
  const isSaid = securityOpt.some((option) => option.startsWith("label"));
  return isHosts && !isSaid ? [...securityOpt, "label=disable"] : securityOpt;
}

/** "/db:/web/alias", of the default network alone. */
function links({ name, endpoints = [] }: ContainerRecord): string[] {
  const onDefault = endpoints.find(({ network }) => network === "bridge")?.links ?? [];
  return onDefault.map((link) => link.replace(/^(.*):(.*)$/, `/$1:/${name}/$2`));
}

/** "" is any address, or any port. */
function portBindings(requests: readonly PortRequest[]): object {
  const bindings: Record<string, object[]> = {};
  for (const request of requests) {
    const { hostAddress = "", hostPorts } = request;
    const isRange = hostPorts !== undefined && hostPorts.last > hostPorts.first;
    const HostPort = `${hostPorts?.first ?? ""}${isRange ? `-${hostPorts.last}` : ""}`;
    const name = portName(request);
    bindings[name] = [...(bindings[name] ?? []), { HostIp: hostAddress, HostPort }];
  }
  return goMap(bindings);
}

function tmpfs(options: ContainerOptions): Record<string, string> | undefined {
  const mounts = (options.mounts ?? []).flatMap((mount) =>
    mount.type === "tmpfs" && mount.short ? [mount] : [],
  );
  if (mounts.length === 0) return undefined;
  return goMap(Object.fromEntries(mounts.map((mount) => [mount.target, mount.options.join(",")])));
}

function resources(options: ContainerOptions): object {
  const { memory = {}, cpu = {}, pids, blockIO = {} } = options.resources ?? {};
  const nano = nanoCpus(cpu);
  return {
    CpuShares: cpu.shares ?? 0,
    Memory: memory.limit ?? 0,
    NanoCpus: nano,
    BlkioWeight: blockIO.weight ?? 0,
    BlkioWeightDevice: (blockIO.weightDevice ?? []).map(({ major, minor, weight }) => ({
      Path: `${major}:${minor}`,
      Weight: weight,
    })),
    BlkioDeviceReadBps: rates(blockIO.throttleReadBpsDevice),
    BlkioDeviceWriteBps: rates(blockIO.throttleWriteBpsDevice),
    BlkioDeviceReadIOps: rates(blockIO.throttleReadIOPSDevice),
    BlkioDeviceWriteIOps: rates(blockIO.throttleWriteIOPSDevice),
    CpuPeriod: nano > 0 ? 0 : (cpu.period ?? 0),
    CpuQuota: nano > 0 ? 0 : (cpu.quota ?? 0),
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: cpu.cpus ?? "",
    CpusetMems: cpu.mems ?? "",
    MemoryReservation: memory.reservation ?? 0,
    // Docker's default of as much swap as memory.
    MemorySwap: memory.swap ?? (memory.limit ?? 0) * 2,
    MemorySwappiness: memory.swappiness ?? null,
    OomKillDisable: memory.disableOOMKiller ?? false,
    PidsLimit: pids?.limit ?? null,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

/** `--cpus` is kept as quota and period: given back in billionths where the two are what it makes of them. */
function nanoCpus({ quota = 0, period = 0 }: NonNullable<OciResources["cpu"]>): number {
  return quota > 0 && period === 100_000 ? (quota / period) * 1e9 : 0;
}

const rates = (list: readonly OciThrottle[] = []): object[] =>
  list.map(({ major, minor, rate }) => ({ Path: `${major}:${minor}`, Rate: rate }));

/** The form of linux.resources (config-linux.md, "Control groups"). */
import { boolean, int64, limit, list, map, string, struct, uint16, uint32, uint64 } from "./shape.ts";

const throttles = list(struct({ major: int64, minor: int64, rate: uint64 }));

export const RESOURCES = struct({
  devices: list(struct({ allow: boolean, type: string, major: int64, minor: int64, access: string })),
  memory: struct({
    limit: int64,
    reservation: int64,
    swap: int64,
    kernel: int64,
    kernelTCP: int64,
    // Whose flag for it is -1 by default may say that as a number without a sign.
    swappiness: limit,
    disableOOMKiller: boolean,
    useHierarchy: boolean,
    checkBeforeUpdate: boolean,
  }),
  cpu: struct({
    shares: uint64,
    quota: int64,
    burst: uint64,
    period: uint64,
    realtimeRuntime: int64,
    realtimePeriod: uint64,
    cpus: string,
    mems: string,
    idle: int64,
  }),
  pids: struct({ limit: int64 }),
  blockIO: struct({
    weight: uint16,
    leafWeight: uint16,
    weightDevice: list(struct({ major: int64, minor: int64, weight: uint16, leafWeight: uint16 })),
    throttleReadBpsDevice: throttles,
    throttleWriteBpsDevice: throttles,
    throttleReadIOPSDevice: throttles,
    throttleWriteIOPSDevice: throttles,
  }),
  hugepageLimits: list(struct({ pageSize: string, limit: uint64 })),
  network: struct({ classID: uint32, priorities: list(struct({ name: string, priority: uint32 })) }),
  rdma: map(struct({ hcaHandles: uint32, hcaObjects: uint32 })),
  unified: map(string),
});

/** The form of config.json and of process.json (config.md, config-linux.md). */
import { RESOURCES } from "./resources-shape.ts";
import { boolean, int32, int64, limit, list, map, string, struct, uint32, uint64, word } from "./shape.ts";

const strings = list(string);

export const PROCESS = struct({
  terminal: boolean,
  consoleSize: struct({ height: uint32, width: uint32 }),
  cwd: string,
  env: strings,
  args: strings,
  user: struct({ uid: uint32, gid: uint32, umask: uint32, additionalGids: list(uint32) }),
  capabilities: struct({
    bounding: strings,
    effective: strings,
    inheritable: strings,
    permitted: strings,
    ambient: strings,
  }),
  rlimits: list(struct({ type: string, soft: limit, hard: limit })),
  noNewPrivileges: boolean,
  oomScoreAdj: int32,
  apparmorProfile: string,
  selinuxLabel: string,
  scheduler: struct({
    policy: string,
    nice: int32,
    priority: int32,
    flags: strings,
    runtime: uint64,
    deadline: uint64,
    period: uint64,
  }),
  ioPriority: struct({ class: string, priority: int32 }),
  execCPUAffinity: struct({ initial: string, final: string }),
});

const mappings = list(struct({ containerID: uint32, hostID: uint32, size: uint32 }));

const MOUNT = struct({
  destination: string,
  type: string,
  source: string,
  options: strings,
  uidMappings: mappings,
  gidMappings: mappings,
});

const hooks = list(struct({ path: string, args: strings, env: strings, timeout: int32 }));

const SECCOMP = struct({
  defaultAction: string,
  defaultErrnoRet: uint32,
  architectures: strings,
  flags: strings,
  listenerPath: string,
  listenerMetadata: string,
  syscalls: list(
    struct({
      names: strings,
      action: string,
      errnoRet: uint32,
      args: list(struct({ index: uint32, value: word, valueTwo: word, op: string })),
    }),
  ),
});

const LINUX = struct({
  namespaces: list(struct({ type: string, path: string })),
  uidMappings: mappings,
  gidMappings: mappings,
  timeOffsets: map(struct({ secs: int64, nanosecs: uint32 })),
  devices: list(
    struct({
      type: string,
      path: string,
      major: int64,
      minor: int64,
      fileMode: uint32,
      uid: uint32,
      gid: uint32,
    }),
  ),
  cgroupsPath: string,
  resources: RESOURCES,
  sysctl: map(string),
  seccomp: SECCOMP,
  maskedPaths: strings,
  readonlyPaths: strings,
  rootfsPropagation: string,
  mountLabel: string,
  intelRdt: struct({
    closID: string,
    l3CacheSchema: string,
    memBwSchema: string,
    schemata: strings,
    enableMonitoring: boolean,
  }),
  memoryPolicy: struct({ mode: string, nodes: string, flags: strings }),
  netDevices: map(struct({ name: string })),
  personality: struct({ domain: string, flags: strings }),
});

export const CONFIG = struct({
  ociVersion: string,
  hostname: string,
  domainname: string,
  process: PROCESS,
  root: struct({ path: string, readonly: boolean }),
  mounts: list(MOUNT),
  hooks: struct({
    prestart: hooks,
    createRuntime: hooks,
    createContainer: hooks,
    startContainer: hooks,
    poststart: hooks,
    poststop: hooks,
  }),
  annotations: map(string),
  linux: LINUX,
});

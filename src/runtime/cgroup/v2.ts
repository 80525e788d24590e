/** cgroup v2: one directory for everything (cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst). */
import { dirname } from "node:path";
import { attachDeviceProgram } from "../../kernel/bpf.ts";
import { keyedNumber, readControl, readControlIfAny, writeControl } from "../../kernel/cgroupfs.ts";
import { SyscallError } from "../../kernel/errors.ts";
import type { OciResources } from "../oci.ts";
import { enableControllers } from "./controllers-v2.ts";
import { checkCpuset } from "./cpuset.ts";
import { deviceProgram } from "./device-program.ts";
import type { DeviceRule } from "./devices.ts";
import { discardCgroups, makeCgroup, removeCgroups } from "./directory.ts";
import type { Cgroup, CgroupDriver, CgroupStats } from "./driver.ts";
import { limitInvalid, limitRefused } from "./errors.ts";
import { sumOverDevices } from "./io-stat.ts";
import { isFrozen, killAll, pidsBelow, untilFrozen } from "./processes.ts";
import { applySettings, replaceSettings, type Setting } from "./setting.ts";
import { settingsV2 } from "./settings-v2.ts";
import { type Words, wordFor } from "./words.ts";

export function createV2Driver(mount: string): CgroupDriver {
  return {
    version: 2,
    open: (path) => cgroupV2(mount, path),
    validate: (resources, words) => void validated(mount, resources, words),
    create(path, resources, { words, adopt = false } = {}) {
      const parent = dirname(path);
      const directory = `${mount}${path}`;
      const settings = validated(mount, resources, words);
      const isNew = makeCgroup(directory, { adopt });
      try {
        enableControllers(mount, parent === "/" ? "" : parent, { settings, all: adopt });
        applySettings(2, () => directory, settings);
        if (resources.devices?.some(({ allow }) => !allow)) guardDevices(directory, resources.devices);
      } catch (error) {
        if (isNew) discardCgroups([directory]);
        throw error;
      }
      return cgroupV2(mount, path);
    },
  };
}

/** The settings of a new cgroup; whether their controllers can be enabled is seen when they are. */
function validated(mount: string, resources: OciResources, words: Words = "docker"): Setting[] {
  const settings = settingsV2(resources, true, words);
  checkCpuset(resources.cpu, (which) => readControlIfAny(`${mount}/cpuset.${which}.effective`), words);
  return settings;
}

function guardDevices(directory: string, rules: readonly DeviceRule[]): void {
  try {
    attachDeviceProgram(directory, deviceProgram(rules));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw limitRefused("device rules", directory, "BPF_CGROUP_DEVICE", error);
  }
}

function cgroupV2(mount: string, path: string): Cgroup {
  const directory = `${mount}${path}`;
  const file = (name: string): string => `${directory}/${name}`;
  const freezer = { file: file("cgroup.freeze"), thawed: "0" };
  return {
    version: 2,
    path,
    directories: [directory],
    cloneInto: directory,
    procsFiles: [],
    oomCounter: { file: file("memory.events"), key: "oom_kill" },
    freezer,
    update(resources, { defaults = false, words = "docker" } = {}) {
      const settings = settingsV2(withCurrent(resources, file, words), defaults, words);
      const available = (which: string) => readControlIfAny(`${mount}/cpuset.${which}.effective`);
      checkCpuset(resources.cpu, available, words);
      checkUsage(resources.memory, file);
      enableControllers(mount, dirname(path) === "/" ? "" : dirname(path), { settings });
      replaceSettings(2, () => directory, settings);
      if (resources.devices !== undefined) guardDevices(directory, resources.devices);
    },
    stats: () => stats(file),
    pids: () => pidsBelow(directory),
    kill() {
      try {
        writeControl(file("cgroup.kill"), "1");
      } catch (error) {
        if (!(error instanceof SyscallError) || error.code !== "ENOENT") throw error;
        killWithoutFile(directory, file);
      }
    },
    async freeze() {
      writeControl(file("cgroup.freeze"), "1");
      try {
        await untilFrozen(path, () => keyedNumber(readControl(file("cgroup.events")), "frozen") === 1);
      } catch (error) {
        writeControl(file("cgroup.freeze"), "0");
        throw error;
      }
    },
    async thaw() {
      writeControl(file("cgroup.freeze"), "0");
    },
    frozen: () => isFrozen(freezer),
    remove: () => removeCgroups([directory]),
  };
}

/** Before Linux 5.14, or where the cgroup is gone already. A frozen process cannot fork away from its signal. */
function killWithoutFile(directory: string, file: (name: string) => string): void {
  try {
    writeControl(file("cgroup.freeze"), "1");
    killAll(pidsBelow(directory));
    writeControl(file("cgroup.freeze"), "0");
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== "ENOENT") throw error;
  }
}

/** Fills in what v2 keeps in one file and the specification in two fields. */
function withCurrent(resources: OciResources, file: (name: string) => string, words: Words): OciResources {
  const { memory, cpu, ...rest } = resources;
  const completed: OciResources = rest;
  if (memory !== undefined) completed.memory = memory;
  if (memory?.swap && memory.swap > 0 && !memory.limit) {
    const limit = readControlIfAny(file("memory.max"));
    if (limit === undefined || limit === "max") {
      const [swapWord, memoryWord] = [wordFor(words, "--memory-swap"), wordFor(words, "--memory")];
      throw limitInvalid(
        `${swapWord} needs ${memoryWord}`,
        `${swapWord} is memory plus swap: set ${memoryWord} as well`,
      );
    }
    completed.memory = { ...memory, limit: Number(limit) };
  }
  if (cpu !== undefined) completed.cpu = cpu;
  if (cpu?.period && !cpu.quota) {
    const quota = readControlIfAny(file("cpu.max"))?.split(" ")[0];
    completed.cpu = { ...cpu, quota: quota === undefined || quota === "max" ? -1 : Number(quota) };
  }
  return completed;
}

/** v1 refuses a limit below what is in use with EBUSY; v2 takes it and kills. */
function checkUsage(memory: OciResources["memory"], file: (name: string) => string): void {
  if (memory?.checkBeforeUpdate !== true) return;
  const usage = Number(readControlIfAny(file("memory.current")) ?? 0);
  for (const [what, limit] of [
    ["memory+swap", memory.swap],
    ["memory", memory.limit],
  ] as const) {
    if (limit !== undefined && limit > 0 && limit <= usage) {
      throw limitInvalid(
        `rejecting ${what} limit ${limit} <= usage ${usage}`,
        "choose a higher limit, or leave checkBeforeUpdate out to have processes killed",
      );
    }
  }
}

function stats(file: (name: string) => string): CgroupStats {
  const number = (name: string): number | undefined => {
    const text = readControlIfAny(file(name));
    return text === undefined || text === "max" ? undefined : Number(text);
  };
  const microseconds = keyedNumber(readControlIfAny(file("cpu.stat")), "usage_usec");
  const io = readControlIfAny(file("io.stat"));
  return {
    cpuNanoseconds: microseconds === undefined ? undefined : microseconds * 1000,
    memoryBytes: number("memory.current"),
    memoryInactiveFileBytes: keyedNumber(readControlIfAny(file("memory.stat")), "inactive_file"),
    memoryLimitBytes: number("memory.max"),
    pids: number("pids.current"),
    pidsLimit: number("pids.max"),
    blockReadBytes: sumOverDevices(io, /\brbytes=(\d+)/g),
    blockWriteBytes: sumOverDevices(io, /\bwbytes=(\d+)/g),
    oomKills: keyedNumber(readControlIfAny(file("memory.events")), "oom_kill"),
  };
}

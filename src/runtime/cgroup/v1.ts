/** cgroup v1: a directory in the hierarchy of each controller (cgroups(7), "Cgroups version 1"). */
import { dirname } from "node:path";
import {
  keyedNumber,
  readControl,
  readControlIfAny,
  writeControl,
  writeControlIfAny,
} from "../../kernel/cgroupfs.ts";
import { SyscallError } from "../../kernel/errors.ts";
import type { OciResources } from "../oci.ts";
import { checkCpuset } from "./cpuset.ts";
import { type DeviceRule, devicePolicy, formatException } from "./devices.ts";
import { discardCgroups, makeCgroup, removeCgroups } from "./directory.ts";
import type { Cgroup, CgroupDriver, CgroupStats } from "./driver.ts";
import { controllerMissing, limitRefused } from "./errors.ts";
import type { Hierarchies } from "./hierarchies-v1.ts";
import { sumOverDevices } from "./io-stat.ts";
import { isFrozen, killAll, pidsBelow, untilFrozen } from "./processes.ts";
import { applySettings, type Controller, replaceSettings, type Setting } from "./setting.ts";
import { cpusetSettings, settingsV1 } from "./settings-v1.ts";

/** How often a kill looks again for processes that were forked meanwhile, where there is no freezer to stop them. */
const KILL_ROUNDS = 100;

/** Reads as "no limit": the largest multiple of the page size (memory.rst). */
const UNLIMITED_FROM = 2 ** 62;

export function createV1Driver(hierarchies: Hierarchies): CgroupDriver {
  return {
    version: 1,
    open: (path) => cgroupV1(hierarchies, path),
    validate: (resources) => void validated(hierarchies, resources),
    create(path, resources) {
      const cgroup = cgroupV1(hierarchies, path);
      const settings = validated(hierarchies, resources);
      const cpuset = hierarchies.get("cpuset");
      const made: string[] = [];
      try {
        for (const directory of cgroup.directories) {
          const isCpuset = cpuset !== undefined && directory === `${cpuset}${path}`;
          makeCgroup(directory, isCpuset ? (parent) => setCpuset(parent, {}) : undefined);
          made.push(directory);
          if (isCpuset) setCpuset(directory, resources.cpu ?? {});
        }
        applySettings(1, (controller) => directoryOf(hierarchies, controller, path), settings);
        setDevices(hierarchies, path, resources.devices);
      } catch (error) {
        discardCgroups(made);
        throw error;
      }
      return cgroup;
    },
  };
}

/** The settings of a new cgroup, all of which this host can apply. */
function validated(hierarchies: Hierarchies, resources: OciResources): Setting[] {
  const settings = settingsV1(resources, true);
  requireControllers(hierarchies, settings, resources);
  const cpuset = hierarchies.get("cpuset");
  if (cpuset !== undefined)
    checkCpuset(resources.cpu, (which) => readControlIfAny(`${cpuset}/cpuset.${which}`));
  return settings;
}

const directoryOf = (hierarchies: Hierarchies, controller: Controller, path: string): string | undefined => {
  const mount = hierarchies.get(controller);
  return mount === undefined ? undefined : `${mount}${path}`;
};

/** Every limit's controller must be mounted before anything is made. */
function requireControllers(
  hierarchies: Hierarchies,
  settings: readonly Setting[],
  resources: OciResources,
): void {
  const needed: { controller: Controller; option: string }[] = [...settings];
  if (resources.cpu?.cpus) needed.push({ controller: "cpuset", option: "--cpuset-cpus" });
  if (resources.cpu?.mems) needed.push({ controller: "cpuset", option: "--cpuset-mems" });
  if (devicePolicy(resources.devices) !== undefined) {
    needed.push({ controller: "devices", option: "device rules" });
  }
  for (const { controller, option } of needed) {
    if (!hierarchies.has(controller)) throw controllerMissing(1, controller, { option });
  }
}

/** A new cpuset is empty and takes no process until it has CPUs and nodes: its parent's where none are asked for. */
function setCpuset(directory: string, asked: { cpus?: string; mems?: string }): void {
  for (const which of ["cpus", "mems"] as const) {
    const file = `cpuset.${which}`;
    const value = asked[which] || readControl(`${dirname(directory)}/${file}`);
    try {
      writeControl(`${directory}/${file}`, value);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      throw limitRefused(`--cpuset-${which}`, file, value, error);
    }
  }
}

function setDevices(hierarchies: Hierarchies, path: string, rules: readonly DeviceRule[] | undefined): void {
  const directory = directoryOf(hierarchies, "devices", path);
  const policy = devicePolicy(rules);
  if (policy === undefined || directory === undefined) return;
  const [everything, exceptions] = policy.allowByDefault ? ["allow", "deny"] : ["deny", "allow"];
  try {
    writeControl(`${directory}/devices.${everything}`, "a");
    writeControl(`${directory}/devices.${exceptions}`, ...policy.exceptions.map(formatException));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw limitRefused("device rules", `devices.${exceptions}`, "the container's devices", error);
  }
}

function cgroupV1(hierarchies: Hierarchies, path: string): Cgroup {
  const directories = [...new Set(hierarchies.values())].map((mount) => `${mount}${path}`);
  const memory = directoryOf(hierarchies, "memory", path);
  // Processes are members of every hierarchy alike; the freezer's directory is as good as any to list them.
  const freezing = directoryOf(hierarchies, "freezer", path);
  const listing = freezing ?? directories[0] ?? "";
  const freezer =
    freezing === undefined ? undefined : { file: `${freezing}/freezer.state`, thawed: "THAWED" };
  const freezerFile = (): string => {
    if (freezer === undefined) throw controllerMissing(1, "freezer", { option: "pausing a container" });
    return freezer.file;
  };
  return {
    version: 1,
    path,
    directories,
    cloneInto: undefined,
    procsFiles: directories.map((directory) => `${directory}/tasks`),
    oomCounter: memory === undefined ? undefined : { file: `${memory}/memory.oom_control`, key: "oom_kill" },
    freezer,
    update(resources, { defaults = false } = {}) {
      const settings = [...cpusetSettings(resources.cpu), ...settingsV1(resources, defaults)];
      requireControllers(hierarchies, settings, resources);
      const cpuset = directoryOf(hierarchies, "cpuset", path);
      if (cpuset !== undefined)
        checkCpuset(resources.cpu, (which) => readControlIfAny(`${dirname(cpuset)}/cpuset.${which}`));
      replaceSettings(
        1,
        (controller) => directoryOf(hierarchies, controller, path),
        memory === undefined ? settings : inOrder(settings, memory),
      );
      setDevices(hierarchies, path, resources.devices);
    },
    stats: () => stats(hierarchies, path),
    pids: () => pidsBelow(listing),
    kill: () => killEach(listing, freezing),
    async freeze() {
      const file = freezerFile();
      try {
        // A process that was busy forking keeps the state at FREEZING; asking again catches its children.
        await untilFrozen(path, () => {
          writeControl(file, "FROZEN");
          return readControl(file) === "FROZEN";
        });
      } catch (error) {
        writeControl(file, "THAWED");
        throw error;
      }
    },
    async thaw() {
      writeControl(freezerFile(), "THAWED");
    },
    frozen: () => isFrozen(freezer),
    remove: () => removeCgroups(directories),
  };
}

/** Memory plus swap may never be below memory: to raise both, the sum goes first; to lower both, last. */
function inOrder(settings: Setting[], memory: string): Setting[] {
  const swap = settings.find(({ option }) => option === "--memory-swap");
  if (swap === undefined) return settings;
  const now = Number(readControlIfAny(`${memory}/memory.memsw.limit_in_bytes`) ?? 0);
  const wanted = Number(swap.files["memory.memsw.limit_in_bytes"]);
  return wanted === -1 || wanted > now ? [swap, ...settings.filter((each) => each !== swap)] : settings;
}

/** A frozen process cannot fork away from its signal, and takes it when thawed. */
function killEach(listing: string, freezer: string | undefined): void {
  if (freezer !== undefined && writeControlIfAny(`${freezer}/freezer.state`, "FROZEN")) {
    killAll(pidsBelow(listing));
    writeControlIfAny(`${freezer}/freezer.state`, "THAWED");
  }
  for (let round = 0; round < KILL_ROUNDS; round++) {
    const left = pidsBelow(listing);
    if (left.length === 0) return;
    killAll(left);
  }
}

function stats(hierarchies: Hierarchies, path: string): CgroupStats {
  const text = (controller: Controller, name: string): string | undefined => {
    const directory = directoryOf(hierarchies, controller, path);
    return directory === undefined ? undefined : readControlIfAny(`${directory}/${name}`);
  };
  const number = (controller: Controller, name: string): number | undefined => {
    const value = text(controller, name);
    return value === undefined || value === "max" ? undefined : Number(value);
  };
  const limit = number("memory", "memory.limit_in_bytes");
  const io = text("blkio", "blkio.throttle.io_service_bytes_recursive");
  return {
    cpuNanoseconds: number("cpuacct", "cpuacct.usage"),
    memoryBytes: number("memory", "memory.usage_in_bytes"),
    memoryInactiveFileBytes: keyedNumber(text("memory", "memory.stat"), "total_inactive_file"),
    memoryLimitBytes: limit === undefined || limit >= UNLIMITED_FROM ? undefined : limit,
    pids: number("pids", "pids.current"),
    pidsLimit: number("pids", "pids.max"),
    blockReadBytes: sumOverDevices(io, / Read (\d+)$/gm),
    blockWriteBytes: sumOverDevices(io, / Write (\d+)$/gm),
    oomKills: keyedNumber(text("memory", "memory.oom_control"), "oom_kill"),
  };
}

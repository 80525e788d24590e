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
import { type Hierarchies, UNIFIED } from "./hierarchies-v1.ts";
import { sumOverDevices } from "./io-stat.ts";
import { isFrozen, killAll, pidsBelow, untilFrozen } from "./processes.ts";
import { applySettings, type Controller, replaceSettings, type Setting } from "./setting.ts";
import { cpusetSettings, settingsV1 } from "./settings-v1.ts";
import { type Words, wordFor } from "./words.ts";

/** How often a kill looks again for processes that were forked meanwhile, where there is no freezer to stop them. */
const KILL_ROUNDS = 100;

/** Reads as "no limit": the largest multiple of the page size (memory.rst). */
const UNLIMITED_FROM = 2 ** 62;

export function createV1Driver(hierarchies: Hierarchies): CgroupDriver {
  return {
    version: 1,
    open: (path) => cgroupV1(hierarchies, path),
    validate: (resources, words) => void validated(hierarchies, resources, words),
    create(path, resources, { words, adopt } = {}) {
      const cgroup = cgroupV1(hierarchies, path);
      const settings = validated(hierarchies, resources, words);
      const cpuset = directoryOf(hierarchies, "cpuset", path);
      const made: string[] = [];
      try {
        for (const directory of cgroup.directories) {
          const isCpuset = directory === cpuset;
          const madeParent = isCpuset ? (parent: string) => setCpuset(parent, {}) : undefined;
          if (makeCgroup(directory, { madeParent, adopt })) made.push(directory);
          if (isCpuset)
            fillCpuset(directory, resources.cpu, { mount: hierarchies.get("cpuset"), adopt, words });
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
function validated(hierarchies: Hierarchies, resources: OciResources, words: Words = "docker"): Setting[] {
  const settings = settingsV1(resources, true, words);
  requireControllers(hierarchies, settings, { resources, words });
  const cpuset = hierarchies.get("cpuset");
  if (cpuset !== undefined)
    checkCpuset(resources.cpu, (which) => readControlIfAny(`${cpuset}/cpuset.${which}`), words);
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
  { resources, words }: { resources: OciResources; words: Words },
): void {
  const needed: { controller: Controller; option: string }[] = [...settings];
  const alsoNeeded = (controller: Controller, option: string) =>
    needed.push({ controller, option: wordFor(words, option) });
  if (resources.cpu?.cpus) alsoNeeded("cpuset", "--cpuset-cpus");
  if (resources.cpu?.mems) alsoNeeded("cpuset", "--cpuset-mems");
  if (devicePolicy(resources.devices) !== undefined) alsoNeeded("devices", "device rules");
  for (const { controller, option } of needed) {
    if (!hierarchies.has(controller)) throw controllerMissing(1, controller, { option });
  }
}

/** A new cpuset takes no process until it has CPUs and nodes. One that others have made may lack them, up to the top. */
function fillCpuset(
  directory: string,
  asked: OciResources["cpu"],
  {
    mount = "",
    adopt,
    words,
  }: { mount?: string | undefined; adopt?: boolean | undefined; words?: Words | undefined },
): void {
  if (adopt) {
    const names = directory.slice(mount.length + 1).split("/");
    for (let depth = 1; depth <= names.length; depth++) {
      setCpuset([mount, ...names.slice(0, depth)].join("/"), {}, { keep: true });
    }
  }
  setCpuset(directory, asked ?? {}, { keep: adopt, words });
}

/** Gives it its parent's CPUs and nodes where none are asked for, or those that it has with `keep`. */
function setCpuset(
  directory: string,
  asked: NonNullable<OciResources["cpu"]>,
  { keep = false, words = "docker" }: { keep?: boolean | undefined; words?: Words | undefined } = {},
): void {
  for (const which of ["cpus", "mems"] as const) {
    const file = `cpuset.${which}`;
    if (keep && !asked[which] && readControl(`${directory}/${file}`) !== "") continue;
    const value = asked[which] || readControl(`${dirname(directory)}/${file}`);
    try {
      writeControl(`${directory}/${file}`, value);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      throw limitRefused(wordFor(words, `--cpuset-${which}`), file, value, error);
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
  const unified = directoryOf(hierarchies, UNIFIED, path);
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
    cloneInto: unified,
    procsFiles: directories
      .filter((directory) => directory !== unified)
      .map((directory) => `${directory}/tasks`),
    oomCounter: memory === undefined ? undefined : { file: `${memory}/memory.oom_control`, key: "oom_kill" },
    freezer,
    update(resources, { defaults = false, words = "docker" } = {}) {
      const settings = [...cpusetSettings(resources.cpu, words), ...settingsV1(resources, defaults, words)];
      requireControllers(hierarchies, settings, { resources, words });
      const cpuset = directoryOf(hierarchies, "cpuset", path);
      if (cpuset !== undefined) {
        const parents = (which: string) => readControlIfAny(`${dirname(cpuset)}/cpuset.${which}`);
        checkCpuset(resources.cpu, parents, words);
      }
      replaceSettings(1, (controller) => directoryOf(hierarchies, controller, path), settings);
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

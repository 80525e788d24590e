/**
 * Containers without a cgroup of their own: those of an ordinary user to whom the host has delegated none. They run,
 * and stay in the cgroup that their user's commands run in; whatever needs one of their own is refused with the reason.
 */
import { TsrunError } from "../../errors.ts";
import type { OciResources } from "../oci.ts";
import type { Cgroup, CgroupDriver } from "./driver.ts";

const NOTHING = {
  cpuNanoseconds: undefined,
  memoryBytes: undefined,
  memoryInactiveFileBytes: undefined,
  memoryLimitBytes: undefined,
  pids: undefined,
  pidsLimit: undefined,
  blockReadBytes: undefined,
  blockWriteBytes: undefined,
  oomKills: undefined,
};

/** The driver of hosts with the given version of cgroups, none of which is the user's. */
export function createNoDriver(version: 1 | 2): CgroupDriver {
  const refuse = (what: string): never => {
    throw notDelegated(version, what);
  };
  const validate = (resources: OciResources): void => {
    const limit = firstLimit(resources);
    if (limit !== undefined) refuse(limit);
  };
  const open = (path: string): Cgroup => ({
    version,
    path,
    directories: [],
    cloneInto: undefined,
    procsFiles: [],
    oomCounter: undefined,
    freezer: undefined,
    update: validate,
    stats: () => NOTHING,
    pids: () => [],
    kill() {}, // its first process was, and all others go with that: their pid namespace's init
    freeze: async () => refuse("pausing a container (commit can do without: --pause=false)"),
    thaw: async () => {},
    frozen: () => false,
    remove: async () => {},
  });
  return {
    version,
    open,
    validate,
    create(path, resources) {
      validate(resources);
      return open(path);
    },
  };
}

/** The group of the first limit that is asked for, as the specification names it; device rules are no limit of a user's. */
function firstLimit({ devices: _, ...resources }: OciResources): string | undefined {
  const asked = Object.entries(resources).find(([, values]) => isAsked(values));
  return asked && `a limit (${asked[0]})`;
}

const isAsked = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.values(value).some(isAsked) : Boolean(value);

function notDelegated(version: 1 | 2, what: string): TsrunError {
  const hint =
    version === 2
      ? "let systemd delegate one to this command: systemd-run --user --scope -p Delegate=yes -- tsrun …"
      : "cgroup v1 cannot be delegated safely: boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2, or run tsrun as root";
  return new TsrunError(
    "ERR_TSRUN_CGROUP_NOT_DELEGATED",
    `${what} needs a cgroup, and this host has delegated none to you`,
    { hint },
  );
}

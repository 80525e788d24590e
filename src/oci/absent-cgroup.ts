/** What stands for the cgroup of a container that has none, because nobody gave an ordinary user one. */
import { TsrunError } from "../errors.ts";
import type { Cgroup } from "../runtime/cgroup/driver.ts";

/** Has no processes and nothing to remove; whatever needs a cgroup is refused. */
export const ABSENT: Cgroup = {
  version: 2,
  path: "",
  directories: [],
  cloneInto: undefined,
  procsFiles: [],
  oomCounter: undefined,
  freezer: undefined,
  update: refuse,
  stats: refuse,
  pids: () => [],
  kill() {},
  freeze: async () => refuse(),
  thaw: async () => refuse(),
  frozen: () => false,
  remove: async () => {},
};

export const noCgroup = (): TsrunError =>
  new TsrunError("ERR_TSRUN_OCI_NO_CGROUP", "the container has no cgroup", {
    hint: "it was created without permission to make one: systemd-run --user --scope -p Delegate=yes gives it",
  });

function refuse(): never {
  throw noCgroup();
}

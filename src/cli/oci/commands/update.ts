import { invalidRequest } from "../../../oci/errors.ts";
import { updateContainer } from "../../../oci/update.ts";
import type { OciCommand, OciFlag } from "../command.ts";
import { resourcesOf } from "../resources.ts";

const text = (name: string, usage: string): OciFlag => ({ name, kind: "string", usage });

const command: OciCommand = {
  name: "update",
  usage: "update container resource constraints",
  arguments: `<container-id>

EXAMPLE:
       # tsrun-oci update --memory 512M --pids-limit 100 ubuntu01
       # echo '{"cpu": {"quota": 50000, "period": 100000}}' | tsrun-oci update -r - ubuntu01`,
  flags: [
    {
      name: "resources",
      alias: "r",
      kind: "string",
      usage: `path to the file containing the resources to update or '-' to read from the standard input

The accepted format is that of linux.resources in config.json (unchanged values
can be omitted):

{
  "memory": {
    "limit": 0,
    "reservation": 0,
    "swap": 0,
    "checkBeforeUpdate": true
  },
  "cpu": {
    "shares": 0,
    "quota": 0,
    "burst": 0,
    "period": 0,
    "realtimeRuntime": 0,
    "realtimePeriod": 0,
    "cpus": "",
    "mems": "",
    "idle": 0
  },
  "blockIO": {
    "weight": 0
  },
  "unified": {
    "memory.high": "0"
  }
}

Note: if data is to be read from a file or the standard input, all
other options are ignored. Devices cannot be changed.
`,
    },
    { name: "blkio-weight", kind: "number", usage: "Specifies per cgroup weight, range is from 10 to 1000" },
    text("cpu-period", "CPU CFS period to be used for hardcapping (in usecs). 0 to use system default"),
    text("cpu-quota", "CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period"),
    text(
      "cpu-burst",
      "CPU CFS hardcap burst limit (in usecs). Allowed accumulated cpu time additionally for burst a given period",
    ),
    text("cpu-share", "CPU shares (relative weight vs. other containers)"),
    text(
      "cpu-rt-period",
      "CPU realtime period to be used for hardcapping (in usecs). 0 to use system default",
    ),
    text("cpu-rt-runtime", "CPU realtime hardcap limit (in usecs). Allowed cpu time in a given period"),
    text("cpuset-cpus", "CPU(s) to use"),
    text("cpuset-mems", "Memory node(s) to use"),
    { ...text("kernel-memory", "(obsoleted; do not use)"), hidden: true },
    { ...text("kernel-memory-tcp", "(obsoleted; do not use)"), hidden: true },
    text("memory", "Memory limit (in bytes)"),
    text("cpu-idle", "set cgroup SCHED_IDLE or not, 0: default behavior, 1: SCHED_IDLE"),
    text("memory-reservation", "Memory reservation or soft_limit (in bytes)"),
    text("memory-swap", "Total memory usage (memory + swap); set '-1' to enable unlimited swap"),
    { name: "pids-limit", kind: "number", usage: "Maximum number of pids allowed in the container" },
    text("l3-cache-schema", "The string of Intel RDT/CAT L3 cache schema"),
    text("mem-bw-schema", "The string of Intel RDT/MBA memory bandwidth schema"),
  ],
  count: { min: 1, max: 1 },
  async run({ words: [id = ""], flags, globals }) {
    if (flags.text("l3-cache-schema")) throw invalidRequest("Intel RDT/CAT: l3 cache schema is not enabled");
    if (flags.text("mem-bw-schema")) {
      throw invalidRequest("Intel RDT/MBA: memory bandwidth schema is not enabled");
    }
    await updateContainer(globals.root, id, resourcesOf(flags));
    return 0;
  },
};
export default command;

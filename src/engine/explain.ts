/** explain: `run`, with every kernel step accounted for by what the kernel says of it afterwards. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cgroup } from "../runtime/cgroup/driver.ts";
import { proofOf } from "../runtime/plan/proof.ts";
import { executorOf, straceStep } from "../runtime/plan/strace.ts";
import type { Paths } from "../store/paths.ts";
import type { Explanation, ProcessHandle, RunOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import type { CreatedContainer } from "./create.ts";
import { explainNetworks } from "./explain-network.ts";
import { mountsOf } from "./mounts.ts";
import type { PreparedStart } from "./prepare-start.ts";
import { startContainer } from "./start.ts";
import type { ContainerRecord } from "./types.ts";
import { dataDirectory } from "./volumes/records.ts";

/**
 * Starts the container; its process waits before execve until every step has been looked at. `onExplained` is called
 * at that moment, before the first instruction of the program.
 */
export async function explainRun(
  context: EngineContext,
  created: CreatedContainer,
  options: RunOptions & { onExplained: (explanation: Explanation) => void },
): Promise<ProcessHandle> {
  return startContainer(context, created, {
    ...options,
    onPaused: async (prepared, pid) =>
      options.onExplained(account(context, created.record, { prepared, pid })),
  });
}

function account(
  context: EngineContext,
  record: ContainerRecord,
  { prepared, pid }: { prepared: PreparedStart; pid: number },
): Explanation {
  const { plan, cgroup, networks } = prepared;
  return {
    containerId: record.id,
    preparation: [
      cgroupPreparation(cgroup),
      ...explainNetworks(context.paths, networks, pid),
      ...mountedVolumes(context.paths, record),
    ],
    steps: plan.steps.map((step, index) => ({
      number: index + 1,
      executor: executorOf(plan, index),
      call: straceStep(step),
      why: step.why,
      proof: proofOf(step, pid),
    })),
  };
}

/** The files of a cgroup that hold its limits; the others count or control. */
const LIMIT_FILES = [
  ...[
    "memory.max",
    "memory.swap.max",
    "memory.low",
    "cpu.max",
    "cpu.weight",
    "cpuset.cpus",
    "pids.max",
    "io.max",
    "io.weight",
  ],
  ...[
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.shares",
  ],
];

const cgroupPreparation = (cgroup: Cgroup): Explanation["preparation"][number] => ({
  what: `mkdir ${cgroup.directories.join(" ")}`,
  why: "The cgroup that limits and counts what the container uses; it has to exist before a process can be born in it.",
  proof: limitsOf(cgroup),
});

/** What is mounted on the host for this container and others. */
function mountedVolumes(paths: Paths, record: ContainerRecord): Explanation["preparation"] {
  const mountinfo = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return mountsOf(record).flatMap((mount) => {
    if (mount.type !== "volume" || !mount.needsMount) return [];
    const at = dataDirectory(paths, mount.name);
    return {
      what: `the volume ${mount.name}, mounted by the driver ${mount.driver}`,
      why: "All containers that have it are to see the same files: it is mounted once, on the host, and bound into each.",
      proof: mountinfo.flatMap((line) =>
        line.split(" ", 5)[4] === at ? [`/proc/self/mountinfo: ${line}`] : [],
      ),
    };
  });
}

function limitsOf(cgroup: Cgroup): string[] {
  return cgroup.directories.flatMap((directory) =>
    LIMIT_FILES.flatMap((file) => {
      const path = join(directory, file);
      const value = readOptional(path);
      return value === undefined || value === "" ? [] : [`${path}: ${value.replaceAll("\n", ", ")}`];
    }),
  );
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

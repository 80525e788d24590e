/** What a running container costs in memory. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** MiB (PSS, proc_pid_smaps(5)) of the monitor of the one container that runs below `root`. */
export function monitorPss(root: string): number {
  const containers = join(root, "containers");
  for (const id of readdirSync(containers)) {
    const { status, monitorPid } = JSON.parse(readFileSync(join(containers, id, "state.json"), "utf8"));
    if (status !== "running") continue;
    return memoryOf(monitorPid);
  }
  throw new Error(`no running container below ${containers}`);
}

/** MiB (PSS) of a process. */
export function memoryOf(pid: number | string): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
}

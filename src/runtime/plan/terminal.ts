/** The container's terminal, from its own /dev/pts. */
import type { ContainerConfig, OciConfig } from "../oci.ts";
import { isBind } from "./mounts.ts";
import type { Step } from "./plan.ts";

/** Whether /dev is the container's alone: a directory of the host's bound there is not to be written to. */
export function hasOwnDev({ mounts }: OciConfig): boolean {
  return mounts.some((mount) => mount.destination === "/dev" && !isBind(mount));
}

export function terminalSteps(config: ContainerConfig): Step[] {
  const { process } = config;
  if (!process.terminal) return [];
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  const open: Step = {
    op: "openPty",
    rows: height,
    columns: width,
    why: "A terminal from the container's own /dev/pts; its other end goes to the monitor.",
  };
  if (!hasOwnDev(config)) return [open];
  return [
    open,
    { op: "touch", path: "/dev/console", mode: 0o620, why: "A file to mount on at /dev/console." },
    {
      op: "bindConsole",
      path: "/dev/console",
      why: "The console of this machine in small is that terminal.",
    },
  ];
}

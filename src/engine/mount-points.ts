/** What a start leaves in a container's writable layer by itself: most of it because something was mounted there. */
import { initPath } from "./mounts.ts";
import type { ContainerRecord } from "./types.ts";

const STANDARD = ["/.dockerenv", "/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/proc", "/sys"];

/**
 * Paths that docker keeps in a layer of its own between image and container, so that they are no change of either.
 * Mount points that the user asked for are changes with docker too.
 */
export function standardMountPoints({ options }: ContainerRecord): string[] {
  return options.init ? [...STANDARD, initPath(options.mounts ?? [])] : STANDARD;
}

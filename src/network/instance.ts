/** What tells this tsrun's links and rules from another's on the same host: its <run> directory, where its leases are. */
import type { Paths } from "../store/paths.ts";
import { macOf } from "./ipv4.ts";

/** FNV-1a, 32 bits, of the <run> directory's path. */
export function instanceNumber({ run }: Pick<Paths, "run">): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(run)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The address of all its bridges: the one mark that the kernel sets as it makes a link. */
export const instanceMac = (paths: Pick<Paths, "run">): string => macOf(instanceNumber(paths));

/** Its packet filter table. */
export const instanceTable = (paths: Pick<Paths, "run">): string =>
  `tsrun-${instanceNumber(paths).toString(16).padStart(8, "0")}`;

/** The container's name in its UTS namespace. */
import { hostname as hostHostname } from "node:os";
import { TsrunError } from "../errors.ts";
import { sharesHost } from "./namespace-modes.ts";
import { sharesHostNetwork } from "./network-mode.ts";
import type { ContainerOptions } from "./types.ts";

/** __NEW_UTS_LEN of <linux/utsname.h>: sethostname(2) refuses more. */
const MAX_LENGTH = 64;

/** The name asked for; else the host's own with the host's network, else the first 12 digits of the id. */
export function resolveHostname(options: ContainerOptions, id: string): string {
  if (options.hostname) return options.hostname;
  return sharesHostNetwork(options) || sharesHost(options, "uts") ? hostHostname() : id.slice(0, 12);
}

/** Throws ERR_TSRUN_HOSTNAME_INVALID for what sethostname(2) would refuse or what would break /etc/hosts. */
export function validateHostname(kind: "hostname" | "domainname", name: string): void {
  if (name.length <= MAX_LENGTH && /^[\w.-]*$/.test(name) && !name.startsWith("-")) return;
  throw new TsrunError(
    "ERR_TSRUN_HOSTNAME_INVALID",
    `invalid ${kind} format: ${JSON.stringify(name).slice(1, -1)}`,
    {
      hint: `letters, digits, "-", "_" and "." are allowed, at most ${MAX_LENGTH}`,
    },
  );
}

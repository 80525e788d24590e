import { TsrunError } from "../errors.ts";
import { SyscallError } from "../kernel/errors.ts";

const HINTS: Readonly<Record<string, string>> = {
  EPERM: "a bridge network needs root (CAP_NET_ADMIN); try --network none or --network host",
  EACCES: "a bridge network needs root (CAP_NET_ADMIN); try --network none or --network host",
  EROFS: "/proc/sys must be writable: turn forwarding on outside, with `sysctl net.ipv4.ip_forward=1`",
  ENOTSUP:
    "the kernel lacks a driver: `modprobe -a bridge veth` (for macvlan networks macvlan, without a parent dummy too)",
};

/** What a user is told when the kernel refuses a part of the network; errors that already say so pass through. */
export function networkError(doing: string, error: unknown): unknown {
  if (error instanceof TsrunError) return error;
  const code = error instanceof SyscallError ? error.code : String((error as NodeJS.ErrnoException).code);
  const hint = HINTS[code];
  const message = `${doing}: ${error instanceof Error ? error.message : String(error)}`;
  return new TsrunError("ERR_TSRUN_NETWORK_SETUP", message, { cause: error, ...(hint && { hint }) });
}

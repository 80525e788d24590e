/** A process's variables as it gets them: what the specification says, and what runc adds, which programs count on. */
import type { OciProcess } from "../runtime/oci.ts";
import { openRootProbe } from "../runtime/root-probe.ts";

const PASSWD_SIZE = 1 << 20;

/**
 * The process with each variable once, its last value, and HOME where it has none: its user's in the /etc/passwd of the
 * root directory at a host path.
 */
export function withEnvironment(process: OciProcess, root: string): OciProcess {
  const variables = new Map((process.env ?? []).map((entry) => [nameOf(entry), entry]));
  const home = variables.get("HOME");
  if (home === undefined || home === "HOME=") {
    variables.set("HOME", `HOME=${homeOf(process.user.uid, root)}`);
  }
  return { ...process, env: [...variables.values()] };
}

/** With what tells it of sockets that were opened for it: `count` descriptors from 3 on (sd_listen_fds(3)). */
export function withListenFds(process: OciProcess, count = 0): OciProcess {
  if (count === 0) return process;
  return { ...process, env: [...(process.env ?? []), `LISTEN_FDS=${count}`, "LISTEN_PID=1"] };
}

const nameOf = (entry: string): string => entry.split("=", 1)[0] as string;

/** "/" for a user whom /etc/passwd does not know (passwd(5)). */
function homeOf(uid: number, root: string): string {
  using probe = openRootProbe(root);
  const text = probe.read("/etc/passwd", PASSWD_SIZE)?.toString() ?? "";
  const entry = text.split("\n").find((line) => line.split(":")[2] === String(uid));
  return entry?.split(":")[5] || "/";
}

/** The process part of an OCI configuration, for a container's first process and for those that `exec` adds. */
import type { OciCapabilities, OciProcess } from "../runtime/oci.ts";
import type { ExecOptions } from "./api.ts";
import { overlay, processEnv, validateEnv } from "./env.ts";
import { absoluteWorkdir } from "./image-defaults.ts";
import type { ResolvedUser } from "./user.ts";

/** Docker's, whatever the umask of the shell is that tsrun was called from. */
const UMASK = 0o022;

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** Puts an OCI process together from what is already decided. */
export function buildProcess(parts: {
  args: string[];
  env: readonly string[];
  cwd: string;
  hostname: string;
  user: ResolvedUser;
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  terminal: boolean;
  size?: TerminalSize | undefined;
}): OciProcess {
  const { user, terminal, size } = parts;
  return {
    terminal,
    ...(terminal && size ? { consoleSize: { height: size.rows, width: size.columns } } : {}),
    cwd: parts.cwd,
    env: processEnv(parts.env, { hostname: parts.hostname, home: user.home, terminal }),
    args: parts.args,
    user: { uid: user.uid, gid: user.gid, umask: UMASK, additionalGids: user.additionalGids },
    capabilities: capabilitySets(parts.capabilities, user.uid),
    noNewPrivileges: parts.noNewPrivileges,
  };
}

/**
 * A process of another user than root holds none of the capabilities, as after an execve(2) of an ordinary program
 * (capabilities(7)); they stay in the bounding set, for setuid programs to gain. Inheritable ones would survive
 * such an execve (CVE-2022-24769).
 */
function capabilitySets(capabilities: readonly string[], uid: number): OciCapabilities {
  const held = uid === 0 ? [...capabilities] : [];
  return { bounding: [...capabilities], effective: held, permitted: [...held], inheritable: [], ambient: [] };
}

/** What an exec'ed process takes over from the container it joins. */
export interface ExecContext {
  /** Of the container's own process, where it has them. */
  container: Pick<OciProcess, "cwd" | "noNewPrivileges" | "rlimits" | "oomScoreAdj" | "apparmorProfile">;
  /** The container's recorded variables (MergedConfig.env). */
  env: readonly string[];
  hostname: string;
  user: ResolvedUser;
  capabilities: readonly string[];
}

/** The process of `exec`: the container's environment, directory and limits, but for what the options say. */
export function buildExecProcess(options: ExecOptions, context: ExecContext): OciProcess {
  const { container } = context;
  validateEnv(options.env ?? []);
  const process = buildProcess({
    args: options.command,
    env: overlay(context.env, options.env ?? []),
    cwd: options.workdir ? absoluteWorkdir(options.workdir) : container.cwd,
    hostname: context.hostname,
    user: context.user,
    capabilities: context.capabilities,
    noNewPrivileges: container.noNewPrivileges ?? false,
    terminal: options.tty ?? false,
    size: options.size,
  });
  if (container.rlimits !== undefined) process.rlimits = container.rlimits;
  if (container.oomScoreAdj !== undefined) process.oomScoreAdj = container.oomScoreAdj;
  if (container.apparmorProfile !== undefined) process.apparmorProfile = container.apparmorProfile;
  return process;
}

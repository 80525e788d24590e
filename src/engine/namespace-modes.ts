/** Which namespaces a container does not have for itself: `--pid`, `--ipc` and `--uts`, in docker's words. */
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { isRootless } from "../kernel/rootless.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { Paths } from "../store/paths.ts";
import { resolveContainer } from "./records.ts";
import type { ContainerOptions } from "./types.ts";
import { userNamespaceMode } from "./userns/mode.ts";

/** Those that can be another container's. */
export type JoinableNamespace = "pid" | "ipc";
/** Those that an option decides about. */
export type ModalNamespace = JoinableNamespace | "uts";

type Modes = Pick<ContainerOptions, ModalNamespace>;

const CONTAINER = "container:";
const TYPES: readonly ModalNamespace[] = ["pid", "ipc", "uts"];
const JOINABLE: readonly JoinableNamespace[] = ["pid", "ipc"];
const WORDS: Readonly<Record<ModalNamespace, readonly string[]>> = {
  pid: ["", "host"],
  ipc: ["", "none", "private", "shareable", "host"],
  uts: ["", "host"],
};

const containerOf = (mode = ""): string | undefined =>
  mode.startsWith(CONTAINER) ? mode.slice(CONTAINER.length) : undefined;

/** The namespaces of other containers that it joins, and whose they are. */
export const joinedContainers = (options: Modes): { type: JoinableNamespace; container: string }[] =>
  JOINABLE.flatMap((type) => {
    const container = containerOf(options[type]);
    return container === undefined ? [] : [{ type, container }];
  });

export const sharesHost = (options: Modes, type: ModalNamespace): boolean => options[type] === "host";

/** Whether the namespace is made for it. */
export const isOwn = (options: Modes, type: ModalNamespace): boolean =>
  !sharesHost(options, type) && containerOf(options[type]) === undefined;

/** Throws what is wrong with the modes as such, and with this host for them; looks at no container. */
export function validateNamespaceModes(config: Config, options: ContainerOptions): void {
  for (const type of TYPES) validateMode(type, options[type] ?? "");
  const name = (["hostname", "domainname"] as const).find((option) => options[option]);
  if (sharesHost(options, "uts") && name !== undefined) {
    throw new TsrunError("ERR_TSRUN_OPTION_CONFLICT", `conflicting options: ${name} and the UTS mode`, {
      hint: "with --uts host the container has the host's name: leave out one of the two",
    });
  }
  if (options.shmSize && (options.ipc === "none" || !isOwn(options, "ipc"))) {
    throw new TsrunError("ERR_TSRUN_OPTION_CONFLICT", "conflicting options: shm-size and the IPC mode", {
      hint: "with --ipc none there is no shared memory, and another's has the size it was made with: leave out one of the two",
    });
  }
  const shared = TYPES.filter((type) => !isOwn(options, type));
  if (shared.length === 0) return;
  const [first = "pid"] = shared;
  if (userNamespaceMode(config, options).kind !== "host") {
    throw unsupported(
      `cannot share the ${sharesHost(options, first) ? "host's " : ""}${first.toUpperCase()} namespace when user namespaces are enabled`,
      "the namespace belongs to other users than the container has: --userns=host gives this container the host's",
    );
  }
  const hosts = shared.find((type) => sharesHost(options, type));
  if (hosts !== undefined && isRootless()) {
    throw unsupported(
      `cannot share the host's ${hosts.toUpperCase()} namespace as an ordinary user`,
      "only the host's root may bring a process into it",
    );
  }
  // Its processes would end with nothing: neither with a pid namespace nor with a cgroup.
  if (!isOwn(options, "pid") && detectCgroupDriver().open("/").directories.length === 0) {
    throw unsupported(
      "a container in a PID namespace that is not its own needs a cgroup, by which its processes are known",
      "have one delegated to you: `tsrun doctor` tells how",
    );
  }
}

function validateMode(type: ModalNamespace, mode: string): void {
  const isJoin = type !== "uts" && Boolean(containerOf(mode));
  if (isJoin || WORDS[type].includes(mode)) return;
  const known = WORDS[type].filter((word) => word !== "");
  throw new TsrunError("ERR_TSRUN_NAMESPACE_MODE_INVALID", `invalid ${type.toUpperCase()} mode: ${mode}`, {
    hint: `known are ${[...known, ...(type === "uts" ? [] : ["container:NAME"])].join(", ")}`,
  });
}

const unsupported = (message: string, hint: string): TsrunError =>
  new TsrunError("ERR_TSRUN_NAMESPACE_UNSUPPORTED", message, { hint });

/** The options with containers by their ids: what is written down, since they may be renamed. */
export function resolveNamespaceModes(paths: Paths, options: ContainerOptions): ContainerOptions {
  const joined = joinedContainers(options);
  if (joined.length === 0) return options;
  const modes = joined.map(({ type, container }) => [
    type,
    `${CONTAINER}${resolveContainer(paths, container).id}`,
  ]);
  return { ...options, ...(Object.fromEntries(modes) as Modes) };
}

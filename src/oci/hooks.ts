/**
 * Hooks (config.md, "POSIX-platform Hooks"): programs that get the container's state on stdin. Each is a Plan as any
 * other process is: what runs in the container's namespaces joins them by steps.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { memoryFile } from "../kernel/child.ts";
import { pidfdOpen, sealedFile } from "../kernel/process.ts";
import type { OciHook, OciHookPoint, OciNamespaceType } from "../runtime/oci.ts";
import { NAMESPACE_FLAGS } from "../runtime/plan/namespaces.ts";
import type { Plan, Step } from "../runtime/plan/plan.ts";
import { ociError } from "./errors.ts";
import { Executor, type ExecutorEvent } from "./executor.ts";
import { errnoWords, signalWords } from "./failure.ts";
import type { OciState } from "./state.ts";

export interface HookRun {
  name: OciHookPoint;
  /** Its pid is as the hook sees it: in the container's namespaces the container's number (runtime.md, "State"). */
  state: OciState;
  /** Where it starts: by default where this process is. */
  directory?: string | undefined;
  /** The Plan of a hook; by default hookPlan() in the runtime's own namespaces. */
  plan?: (hook: OciHook) => { plan: Plan; fds: Record<string, number> };
  /** Called at each step at which the hook's process waits. */
  waits?: (event: ExecutorEvent & { kind: "waiting" }) => void;
}

/** Runs hooks one after the other; throws at the first that fails, with what it wrote. */
export function runHooks(hooks: readonly OciHook[] | undefined, run: HookRun): void {
  const { name, state, directory, waits } = run;
  const plan = run.plan ?? ((hook: OciHook) => ({ plan: hookPlan(hook, { directory }), fds: {} }));
  hooks?.forEach((hook, index) => {
    const reason = runHook(hook, state, { ...plan(hook), waits });
    if (reason !== undefined) {
      throw ociError("ERR_TSRUN_OCI_HOOK_FAILED", `error running ${name} hook #${index}: ${reason}`);
    }
  });
}

/** Why the hook failed, undefined where it did not. */
function runHook(
  hook: OciHook,
  state: OciState,
  { plan, fds, waits }: { plan: Plan; fds: Record<string, number>; waits: HookRun["waits"] },
): string | undefined {
  const stdin = readable(Buffer.from(JSON.stringify(state)));
  const stdout = memoryFile("tsrun-hook-stdout");
  const stderr = memoryFile("tsrun-hook-stderr");
  try {
    using executor = Executor.start({
      plan,
      fds: { ...fds, hookStdin: stdin, hookStdout: stdout, hookStderr: stderr },
      stay: true,
      timeout: hook.timeout === undefined ? undefined : hook.timeout * 1000,
    });
    const reason = describe(hook, lastEvent(executor, waits));
    if (reason === undefined) return undefined;
    return `${reason}, stdout: ${contents(stdout)}, stderr: ${contents(stderr)}`;
  } finally {
    for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  }
}

function lastEvent(executor: Executor, waits: HookRun["waits"]): ExecutorEvent {
  for (;;) {
    const event = executor.next();
    if (event.kind === "waiting") {
      waits?.(event);
      executor.goOn();
    } else if (event.kind !== "started") return event;
  }
}

function describe(hook: OciHook, event: ExecutorEvent): string | undefined {
  if (event.kind === "failed") return `fork/exec ${hook.path}: ${errnoWords(event.errno)}`;
  if (event.kind !== "exited") return "the hook's executor died";
  if (event.timedOut) return `hook ran past specified timeout of ${(hook.timeout ?? 0).toFixed(1)}s`;
  if (event.signal !== 0) return `signal: ${signalWords(event.signal)}`;
  return event.exitCode === 0 ? undefined : `exit status ${event.exitCode}`;
}

/** A descriptor whose reader begins at the content's first byte. */
function readable(content: Buffer): number {
  const fd = sealedFile("tsrun-hook-state", content);
  try {
    return openSync(`/proc/self/fd/${fd}`, "r");
  } finally {
    closeSync(fd);
  }
}

const contents = (fd: number): string => readFileSync(`/proc/self/fd/${fd}`, "utf8");

/** The slots of a hook's streams. */
export const HOOK_STREAMS = ["hookStdin", "hookStdout", "hookStderr"];

/** A hook's descriptors in place, and nothing else. */
export function hookStreamSteps(): Step[] {
  return HOOK_STREAMS.map(
    (fd, to): Step => ({ op: "dup2", fd, to, why: "A hook reads the container's state from stdin." }),
  );
}

export interface HookPlace {
  /** Of the process whose pidfd slot "init" holds; the others are the runtime's. */
  namespaces?: readonly OciNamespaceType[];
  directory?: string | undefined;
}

/** The Plan of a hook whose path is one of the host. */
export function hookPlan(hook: OciHook, { namespaces = [], directory }: HookPlace = {}): Plan {
  const steps: Step[] = [
    ...joinSteps(namespaces.filter((type) => type === "pid")),
    { op: "clone", flags: [], why: "The hook's process." },
    ...joinSteps(namespaces.filter((type) => type !== "pid" && type !== "user")),
    // Only now: who joins a mount namespace is in its root directory then (setns(2)).
    ...startSteps(directory),
    // A user namespace comes last: in it the privilege to join namespaces of others is gone.
    ...(namespaces.includes("user") ? [...joinSteps(["user"]), ...BECOME_ROOT] : []),
    ...hookStreamSteps(),
    { op: "closeRange", first: 3, why: "A hook gets the container's state and nothing else." },
    {
      op: "execve",
      candidates: [hook.path],
      argv: hook.args && hook.args.length > 0 ? hook.args : [hook.path],
      envp: hook.env ?? Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
      why: "The hook.",
    },
  ];
  return { fds: [...(namespaces.length > 0 ? ["init"] : []), ...HOOK_STREAMS], steps };
}

const startSteps = (directory: string | undefined): Step[] =>
  directory === undefined
    ? []
    : [{ op: "chdir", path: directory, why: "A hook's relative paths mean what they mean with runc." }];

const BECOME_ROOT: readonly Step[] = [
  { op: "setresgid", gid: 0, why: "The user namespace's root." },
  { op: "setresuid", uid: 0, why: "The user namespace's root." },
];

function joinSteps(types: readonly OciNamespaceType[]): Step[] {
  if (types.length === 0) return [];
  const flags = types.map((type) => NAMESPACE_FLAGS[type]);
  return [{ op: "setns", fd: "init", flags, why: "The hook runs in the container's namespaces." }];
}

/** The hooks of one kind, run in the container's namespaces with the host's paths: before pivot_root(2). */
export function runInNamespaces(
  hooks: readonly OciHook[] | undefined,
  { pid, namespaces, ...run }: HookRun & { pid: number; namespaces: readonly OciNamespaceType[] },
): void {
  const { directory } = run;
  if (!hooks || hooks.length === 0) return;
  const init = pidfdOpen(pid);
  try {
    runHooks(hooks, {
      ...run,
      plan: (hook) => ({ plan: hookPlan(hook, { namespaces, directory }), fds: { init } }),
    });
  } finally {
    closeSync(init);
  }
}

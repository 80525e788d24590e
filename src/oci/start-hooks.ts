/** The hooks that run in the container right before its program, as whoever that will be. */
import { closeSync } from "node:fs";
import { innermostPid, pidfdOpen } from "../kernel/process.ts";
import type { OciHook, OciProcess } from "../runtime/oci.ts";
import { ociExecPlan } from "../runtime/plan/oci-exec-plan.ts";
import type { Plan, Step } from "../runtime/plan/plan.ts";
import { closeJoin, reopenOciCgroup } from "./container-cgroup.ts";
import { withEnvironment } from "./environment.ts";
import { HOOK_STREAMS, hookStreamSteps, runHooks } from "./hooks.ts";
import { joinInput } from "./join.ts";
import { seccompOf } from "./seccomp.ts";
import { passListener } from "./seccomp-listener.ts";
import { publicState, type StateDocument } from "./state.ts";

/**
 * The hook's path is one of the container's, where nothing is to be trusted: it gets the program's user, capabilities and
 * filter, and not those of the runtime.
 */
export async function startContainerHooks(state: StateDocument): Promise<void> {
  const { config } = state;
  const hooks = config.hooks?.startContainer;
  if (!hooks || hooks.length === 0) return;
  const seccomp = await seccompOf(config);
  const init = pidfdOpen(state.pid);
  const process = config.process && withEnvironment(config.process, `/proc/${state.pid}/root`);
  const join = reopenOciCgroup(state.cgroup).join(state.pid);
  const plan = (hook: OciHook) => ({
    plan: withStreams(
      ociExecPlan({
        ...joinInput(state, join, seccomp),
        process: processOf(hook, process),
        terminal: "inherit",
        preserveFds: 0,
      }),
      hook.path,
    ),
    fds: { init, ...(join.cloneFd !== undefined && { cgroup: join.cloneFd }) },
  });
  try {
    const told = publicState(state, "created");
    runHooks(hooks, {
      ...{ name: "startContainer", state: { ...told, pid: innermostPid(state.pid) }, plan },
      waits: (event) => passListener(config, event, told),
    });
  } finally {
    closeSync(init);
    closeJoin(join);
  }
}

const processOf = (hook: OciHook, process: OciProcess | undefined): OciProcess => ({
  ...(process ?? { user: { uid: 0, gid: 0 } }),
  terminal: false,
  cwd: "/",
  args: hook.args && hook.args.length > 0 ? hook.args : [hook.path],
  env: hook.env ?? process?.env ?? [],
});

/** The hook's own streams instead of the runtime's, and its path instead of what its first argument says. */
function withStreams({ fds, steps }: Plan, path: string): Plan {
  const adapt = (step: Step): Step[] => {
    if (step.op === "chownStdio") return hookStreamSteps();
    return [step.op === "findProgram" || step.op === "execve" ? { ...step, candidates: [path] } : step];
  };
  return { fds: [...fds, ...HOOK_STREAMS], steps: steps.flatMap(adapt) };
}

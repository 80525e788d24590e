/** The hooks that run in the container right before its program, as whoever that will be. */
import { closeSync } from "node:fs";
import { pidfdOpen } from "../kernel/process.ts";
import type { OciHook } from "../runtime/oci.ts";
import { closeJoin, reopenOciCgroup } from "./container-cgroup.ts";
import { HOOK_STREAMS, runHooks } from "./hooks.ts";
import { joinPlan } from "./join-plan.ts";
import { seccompOf } from "./seccomp.ts";
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
  const join = reopenOciCgroup(state.cgroup).join(state.pid);
  const plan = (hook: OciHook) => ({
    plan: joinPlan({
      config,
      process: {
        ...config.process,
        terminal: false,
        cwd: "/",
        args: hook.args && hook.args.length > 0 ? hook.args : [hook.path],
        env: hook.env ?? [],
      },
      program: hook.path,
      cgroup: join,
      seccomp,
      streams: HOOK_STREAMS,
    }),
    fds: { init, ...(join.cloneFd !== undefined && { cgroup: join.cloneFd }) },
  });
  try {
    runHooks(hooks, { name: "startContainer", state: publicState(state, "created"), plan });
  } finally {
    closeSync(init);
    closeJoin(join);
  }
}

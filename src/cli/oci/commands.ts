/** The commands of the OCI face; each is loaded when it is called. */
import type { OciCommand } from "./command.ts";

type Load = () => Promise<{ default: OciCommand }>;

export const commands: Readonly<Record<string, Load>> = {
  checkpoint: async () => ({
    default: (await import("./refused.ts")).refused("checkpoint", "checkpoint a running container"),
  }),
  create: () => import("./commands/create.ts"),
  delete: () => import("./commands/delete.ts"),
  events: () => import("./commands/events.ts"),
  exec: () => import("./commands/exec.ts"),
  features: () => import("./commands/features.ts"),
  kill: () => import("./commands/kill.ts"),
  list: () => import("./commands/list.ts"),
  pause: () => import("./commands/pause.ts"),
  ps: () => import("./commands/ps.ts"),
  restore: async () => ({
    default: (await import("./refused.ts")).refused("restore", "restore a container from a checkpoint"),
  }),
  resume: () => import("./commands/resume.ts"),
  run: () => import("./commands/run.ts"),
  spec: () => import("./commands/spec.ts"),
  start: () => import("./commands/start.ts"),
  state: () => import("./commands/state.ts"),
  update: () => import("./commands/update.ts"),
};

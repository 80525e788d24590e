/** RUN --mount: where on this host the files of each are while the step runs. */
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { LocatedBind, LocatedMount } from "../../engine/mounts.ts";
import type { ImageMount } from "../../engine/types.ts";
import { type Owner, ownerOnHost } from "../../engine/userns/owners.ts";
import { requireIds } from "../../engine/userns/require-ids.ts";
import { containerRunDir } from "../../store/paths.ts";
import { requireMappedIds } from "../../store/unmapped-id.ts";
import { brokenInstruction } from "../errors.ts";
import type { RunStep, StepMount } from "../graph/types.ts";
import type { Snapshot } from "../layers.ts";
import type { Session } from "../session.ts";
import type { Workshop } from "../steps/types.ts";

export interface OpenMounts extends AsyncDisposable {
  readonly mounts: readonly (LocatedMount | ImageMount)[];
  /** Mount points, which are no change of the root. */
  readonly targets: readonly string[];
  /** Secrets that are variables. */
  readonly env: readonly string[];
}

interface Opening {
  workshop: Workshop;
  step: RunStep;
  below: Snapshot;
  /** On a tmpfs, gone with the step's process. */
  runtime: string;
  mounts: (LocatedMount | ImageMount)[];
  targets: string[];
  env: string[];
  close: (() => void | Promise<void>)[];
}

/** To be called before the process is started, which `id` is to be. */
export async function openMounts(
  workshop: Workshop,
  step: RunStep,
  { id, below }: { id: string; below: Snapshot },
): Promise<OpenMounts> {
  const runtime = containerRunDir(workshop.session.paths, id);
  const opening: Opening = { workshop, step, below, runtime, mounts: [], targets: [], env: [], close: [] };
  const close = async (): Promise<void> => {
    for (const each of opening.close.splice(0)) await each();
  };
  try {
    if (step.script)
      addFile(opening, step.script.path, {
        content: Buffer.from(step.script.content),
        mode: 0o755,
        uid: 0,
        gid: 0,
      });
    for (const mount of step.mounts) {
      requireMappedIds(mount.uid ?? 0, mount.gid ?? 0);
      await OPENERS[mount.type](opening, mount);
    }
    const { mounts, targets, env } = opening;
    return { mounts, targets, env, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

const OPENERS: Readonly<Record<StepMount["type"], (opening: Opening, mount: StepMount) => Promise<void>>> = {
  async tmpfs({ mounts, targets }, { target, size }) {
    const options = ["exec", "suid", "dev", ...(size ? [`size=${size}`] : [])];
    mounts.push({ type: "tmpfs", target, options });
    targets.push(target);
  },
  bind: openBind,
  cache: openCache,
  secret: openSecret,
  async ssh(opening, mount) {
    const { workshop, step, runtime, mounts, targets, env, close } = opening;
    const { id = "default", target, required } = mount;
    const agent = workshop.session.agents.get(id);
    if (agent === undefined) {
      if (!required) return;
      throw brokenInstruction(step, `unset ssh forward key ${id}`, `give it with --ssh ${id}`);
    }
    const { openAgentSocket } = await import("./agent.ts");
    const path = join(runtime, `ssh-${mounts.length}`);
    const { uid = 0, gid = 0, mode } = mount;
    const socket = await openAgentSocket(agent, path, {
      mode,
      give: (file) => give(workshop.session, file, { uid, gid }),
    });
    close.push(() => socket.close());
    mounts.push(bind(path, target, true));
    targets.push(target);
    // The first of several, unless the Dockerfile has said another.
    const isSet = [...step.env, ...env].some((entry) => entry.startsWith("SSH_AUTH_SOCK="));
    if (!isSet) env.push(`SSH_AUTH_SOCK=${target}`);
  },
};

const bind = (source: string, target: string, readOnly: boolean): LocatedBind => ({
  type: "bind",
  source,
  target,
  readOnly,
  sourceMustExist: true,
});

/** Makes a file that of a user of the step, who has other ids on this host where the step has users of its own. */
function give({ users }: Pick<Session, "users">, path: string, owner: Owner): void {
  if (users) requireIds(owner, users);
  const { uid, gid } = users ? ownerOnHost(users, owner) : owner;
  chownSync(path, uid, gid);
}

async function openBind(opening: Opening, mount: StepMount): Promise<void> {
  const { workshop, mounts, targets } = opening;
  const { openBindFiles } = await import("./bind-files.ts");
  const opened = await openBindFiles(workshop, mount, opening.step);
  opening.close.push(() => opened.close());
  mounts.push(opened.mount);
  targets.push(mount.target);
}

/** A directory of this host that steps share by its name, whatever images they are of. */
async function openCache(opening: Opening, mount: StepMount): Promise<void> {
  const { workshop, step, mounts, targets, close } = opening;
  const { openCacheMount } = await import("./cache-mount.ts");
  const { data, lock } = await openCacheMount(workshop, step, mount);
  close.push(() => lock.release());
  // On disk its files have the ids that steps see, whatever users these have on the host.
  mounts.push({
    ...bind(data, mount.target, mount.readOnly),
    origin: { isDirectory: true, mapped: workshop.session.users !== undefined },
  });
  targets.push(mount.target);
}

async function openSecret(opening: Opening, mount: StepMount): Promise<void> {
  const { workshop, step } = opening;
  const id = mount.id ?? posix.basename(mount.target);
  const source = workshop.session.options.secrets?.find((secret) => secret.id === id);
  if (source === undefined) {
    if (!mount.required) return;
    throw brokenInstruction(step, `secret ${id}: not found`, `give it with --secret id=${id},src=FILE`);
  }
  const content = secretContent(source.from);
  if (mount.env !== undefined) opening.env.push(`${mount.env}=${content.toString()}`);
  // As a variable it is a file too only where a place for that is named.
  if (mount.env !== undefined && !mount.targetIsNamed) return;
  addFile(opening, mount.target, {
    content,
    mode: mount.mode ?? 0o400,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
  });
}

function secretContent(from: { file: string } | { env: string }): Buffer {
  if ("file" in from) return readFileSync(from.file);
  return Buffer.from(process.env[from.env] ?? "");
}

/** A file of the step's own, on the tmpfs that its runtime directory is on. */
function addFile(
  { workshop, runtime, mounts, targets }: Opening,
  target: string,
  { content, mode, uid, gid }: { content: Buffer; mode: number; uid: number; gid: number },
): void {
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const file = join(runtime, `file-${mounts.length}`);
  writeFileSync(file, content, { mode: 0o600, flag: "wx" });
  give(workshop.session, file, { uid, gid });
  chmodSync(file, mode);
  mounts.push(bind(file, target, true));
  targets.push(target);
}

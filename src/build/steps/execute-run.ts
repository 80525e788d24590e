/** A RUN that is not in the cache; loaded by those alone who execute one. */
import { readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { ProcessHandle } from "../../engine/api.ts";
import { generateId } from "../../engine/names.ts";
import type { MonitorExit } from "../../runtime/monitor-client.ts";
import { BuildError, ROOM_HINT } from "../errors.ts";
import type { RunStep } from "../graph/types.ts";
import { directoriesOf, makeWorkDirectory, type Snapshot, type WorkDirectory } from "../layers.ts";
import { type OpenMounts, openMounts } from "../run/mounts.ts";
import { runProcess, type StepProcess, startProcess } from "../run/process.ts";
import { mountStubs } from "../run/stubs.ts";
import type { StepTerminal } from "../types.ts";
import type { Made, Workshop } from "./types.ts";

export async function executeRun(workshop: Workshop, step: RunStep, below: Snapshot): Promise<Made> {
  const { session } = workshop;
  const id = generateId();
  const work = makeWorkDirectory(session);
  await using opened = await openMounts(workshop, step, { id, below });
  const stubs = mountStubs(directoriesOf(below), opened.targets);
  const { exitCode, oomKilled } = await runProcess(session, programOf(workshop, step, opened), {
    below,
    work,
    id,
    onOutput: (stream, data) => session.emit({ type: "output", step: step.number, stream, data }),
  });
  if (exitCode !== 0) {
    await session.options.onFailure?.({
      step: step.number,
      command: step.args,
      exitCode,
      start: (command, terminal) => startBeside(workshop, step, { below, work, command, terminal }),
    });
    const limit = session.options.resources?.memory?.limit;
    const hint = hintFor(workshop, step, exitCode);
    throw failed(step, { exitCode, oomKilled, limit, hint });
  }
  stubs.remove(work.upper);
  return { work: readdirSync(work.upper).length > 0 ? work : undefined };
}

function programOf({ session }: Workshop, step: RunStep, { env, mounts }: OpenMounts): StepProcess {
  const { args, cwd, user, privileged, network } = step;
  return {
    args,
    env: [...step.env, ...step.proxies, ...env],
    cwd,
    user,
    network: network === "default" ? (session.options.network ?? "default") : network,
    privileged,
    mounts,
  };
}

/** Another program where a step has failed; its end takes everything of it back. */
async function startBeside(
  workshop: Workshop,
  step: RunStep,
  {
    below,
    work,
    command,
    terminal,
  }: { below: Snapshot; work: WorkDirectory; command: readonly string[]; terminal: StepTerminal },
): Promise<ProcessHandle> {
  const { processHandle } = await import("../../engine/process-handle.ts");
  const id = generateId();
  // A volatile overlay refuses to be mounted again, since a crash may have been in between: there was none.
  rmSync(join(work.work, "work", "incompat"), { recursive: true, force: true });
  const opened = await openMounts(workshop, step, { id, below });
  const program = { ...programOf(workshop, step, opened), args: command, tty: terminal.tty };
  const running = await startProcess(workshop.session, program, { below, work, id, terminal }).catch(
    async (error: unknown) => {
      await opened[Symbol.asyncDispose]();
      throw error;
    },
  );
  const { client, pid } = running;
  const exited = client.exited.finally(async () => {
    // It may have ended before its starter could listen, whom that leaves time for.
    await turn();
    await running[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
  });
  return processHandle({ client, containerId: id, containerName: id, pid, exited });
}

/** Bytes that nobody can do much with. */
const FULL = 256 * 1024;

/** What shells say by it (sh(1p), "Exit Status for Commands"). */
const HINTS: Readonly<Record<number, string>> = {
  126: "126 is a shell's: it has found the program, and may not execute it",
  127: "127 is a shell's: the image has no such program, or not where PATH leads",
};

function hintFor({ session }: Workshop, { mounts }: RunStep, exitCode: number): string | undefined {
  const { paths, options, agents } = session;
  if (isFull(paths.root)) return ROOM_HINT;
  for (const { type, id = "default" } of mounts) {
    if (type === "ssh" && !agents.has(id))
      return `it has a mount of ssh ${id}, which was not given: --ssh ${id}`;
    if (type === "secret" && !options.secrets?.some((secret) => secret.id === id))
      return `it has a mount of secret ${id}, which was not given: --secret id=${id},src=FILE`;
  }
  return HINTS[exitCode];
}

/** As long as what the step has written is there. */
function isFull(root: string): boolean {
  const { bavail, bsize } = statfsSync(root);
  return bavail * bsize < FULL;
}

function failed(
  { args, range }: RunStep,
  { exitCode, oomKilled, limit, hint }: MonitorExit & { limit: number | undefined; hint: string | undefined },
): BuildError {
  const because = oomKilled ? `: out of memory${limit ? `: --memory is ${limit} bytes` : ""}` : "";
  return new BuildError(
    `process ${JSON.stringify(args.join(" "))} did not complete successfully: exit code: ${exitCode}${because}`,
    { range, hint, process: { args, exitCode } },
  );
}

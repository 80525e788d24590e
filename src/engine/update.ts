/** update: other limits for a container, at once where it runs and for every later start. */
import { setTimeout as sleep } from "node:timers/promises";
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { OciResources } from "../runtime/oci.ts";
import { changeRecord } from "./change.ts";
import { removeRunDir } from "./cleanup.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { tryOwnContainer } from "./ownership.ts";
import { readRecord, resolveContainer, writeRecord } from "./records.ts";
import { changeRestartPolicy } from "./revive.ts";
import { readState } from "./state.ts";
import type { ContainerChanges, ContainerRecord } from "./types.ts";

/** A start takes a fraction of a second; one that `explain` holds up can take as long as it likes. */
const SETTLE_TIMEOUT_MS = 15_000;
const LOOK_AGAIN_MS = 10;

/**
 * Changes what is named and leaves the rest. Where the kernel refuses a limit, everything stays as it was. Throws
 * ERR_TSRUN_CGROUP_*, ERR_TSRUN_OPTION_CONFLICT, ERR_TSRUN_LOCK_TIMEOUT where the container neither starts nor ends.
 */
export async function updateContainer(
  context: EngineContext,
  reference: string,
  changes: ContainerChanges,
): Promise<void> {
  const { id } = resolveContainer(context.paths, reference);
  const deadline = monotonic() + SETTLE_TIMEOUT_MS;
  while (!(await tryUpdate(context, id, changes))) {
    if (monotonic() >= deadline) {
      throw new TsrunError("ERR_TSRUN_LOCK_TIMEOUT", `another command is at work on container ${reference}`, {
        hint: "wait for it: `tsrun ps -a` tells what has become of the container",
      });
    }
    await sleep(LOOK_AGAIN_MS);
  }
  const record = readRecord(context.paths, id);
  if (record) recordEvent(context, containerEvent(record, "update")); // with --rm it may be gone already
}

/**
 * False while a start or an end is under way. The one who starts a container owns it and has read its record already:
 * limits that were only written down would not reach it. So a record changes either with its cgroup, of a container
 * that runs, or while nobody can start it, or before somebody has begun to start it again.
 */
async function tryUpdate(context: EngineContext, id: string, changes: ContainerChanges): Promise<boolean> {
  const { paths } = context;
  using change = await changeRecord(paths, id);
  const { record } = change;
  const changed = apply(record, changes);
  detectCgroupDriver().validate(changed.options.resources ?? {});

  const { status } = readState(paths, id);
  if (status === "running") {
    if (changes.resources && !updateLive(context, changed, changes.resources)) return false;
    writeRecord(paths, changed);
    if (changes.restartPolicy) await changeRestartPolicy(context, id);
    return true;
  }
  if (status === "restarting") {
    // Whoever starts it next reads the record when it is nobody's to change any more (revive.ts).
    writeRecord(paths, changed);
    if (changes.restartPolicy) await changeRestartPolicy(context, id);
    return true;
  }
  using owned = tryOwnContainer(paths, id);
  if (!owned) return false;
  writeRecord(paths, changed);
  removeRunDir(context, id);
  return true;
}

/** False where the container ended before it was told. */
function updateLive({ paths }: EngineContext, changed: ContainerRecord, resources: OciResources): boolean {
  const limits = pick(changed.options.resources ?? {}, resources);
  try {
    detectCgroupDriver().open(changed.cgroupPath).update(limits, { defaults: true });
    return true;
  } catch (error) {
    if (readState(paths, changed.id).status === "running") throw error;
    return false;
  }
}

function apply(record: ContainerRecord, { resources, restartPolicy }: ContainerChanges): ContainerRecord {
  if (restartPolicy && restartPolicy.name !== "no" && record.options.autoRemove) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
      { hint: "a container of `run --rm` is gone when it ends" },
    );
  }
  return {
    ...record,
    options: {
      ...record.options,
      ...(resources && { resources: merge(record.options.resources ?? {}, resources) }),
      ...(restartPolicy && { restartPolicy }),
    },
  };
}

/** Limit by limit: a change of one of a group leaves its neighbours. */
function merge(old: OciResources, { memory, cpu, pids, blockIO }: OciResources): OciResources {
  return {
    ...old,
    ...(memory && { memory: { ...old.memory, ...memory } }),
    ...(cpu && { cpu: { ...old.cpu, ...cpu } }),
    ...(pids && { pids }),
    ...(blockIO && { blockIO: { ...old.blockIO, ...blockIO } }),
  };
}

/** The groups in which something changes, whole: limits of one group depend on each other. */
function pick(resources: OciResources, groups: OciResources): OciResources {
  return Object.fromEntries(Object.entries(resources).filter(([group]) => Object.hasOwn(groups, group)));
}

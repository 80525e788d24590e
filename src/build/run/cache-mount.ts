/** RUN --mount=type=cache: a directory of this host that steps share by its name, whatever images they are of. */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../kernel/sha256.ts";
import { cacheMountsDir } from "../../store/build-cache.ts";
import { lockCacheMount, tryCacheMount } from "../../store/cache-mounts.ts";
import { type Lock, lock } from "../../store/locks.ts";
import { removeTree } from "../../store/tree-removal.ts";
import type { RunStep, StepMount } from "../graph/types.ts";
import type { Workshop } from "../steps/types.ts";

export interface CacheMount {
  /** What the step sees. */
  readonly data: string;
  /** To be released when the step has ended. */
  readonly lock: Lock;
}

export async function openCacheMount(
  workshop: Workshop,
  step: RunStep,
  mount: StepMount,
): Promise<CacheMount> {
  const { paths, signal } = workshop.session;
  const id = mount.id || mount.target;
  const base = join(cacheMountsDir(paths), sha256(id).slice(0, 32));
  const taken = await take(base, mount.sharing ?? "shared", signal);
  try {
    const data = join(taken.path, "data");
    if (!existsSync(data)) await make(workshop, step, { mount, id, directory: taken.path });
    return { data, lock: taken };
  } catch (error) {
    taken.release();
    throw error;
  }
}

/** "locked" waits for the others; "private" takes another directory than those that are in use. */
async function take(
  base: string,
  sharing: "shared" | "private" | "locked",
  signal: AbortSignal,
): Promise<Lock> {
  if (sharing !== "private") return lockCacheMount(base, { shared: sharing === "shared", signal });
  for (let number = 0; ; number++) {
    const path = number === 0 ? base : `${base}-${number}`;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const held = tryCacheMount(path);
    if (held) return held;
  }
}

/** Whoever comes meanwhile waits, and a build that is killed leaves nothing that is taken for the cache. */
async function make(
  workshop: Workshop,
  step: RunStep,
  { mount, id, directory }: { mount: StepMount; id: string; directory: string },
): Promise<void> {
  using _alone = await lock(join(directory, "lock"), { signal: workshop.session.signal });
  const data = join(directory, "data");
  if (existsSync(data)) return;
  const unfinished = join(directory, "new");
  removeTree(unfinished);
  mkdirSync(unfinished);
  writeFileSync(join(directory, "id"), `${id}\n`);
  if (mount.files) {
    const { fillCache } = await import("./bind-files.ts");
    await fillCache(workshop, mount, unfinished, step);
  }
  const { uid = 0, gid = 0, mode = 0o755 } = mount;
  chownSync(unfinished, uid, gid);
  chmodSync(unfinished, mode);
  renameSync(unfinished, data);
}

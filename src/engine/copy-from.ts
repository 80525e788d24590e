/** Files out of a container, as a tar archive that is made while it is read. */
import { closeSync, statfsSync } from "node:fs";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { TsrunError } from "../errors.ts";
import { packTree } from "../store/pack/pack.ts";
import type { WalkOptions } from "../store/pack/walk.ts";
import { fromPath } from "../store/unpack/bytes.ts";
import type { CopiedFrom, CopyFromOptions, PathStat } from "./api.ts";
import { containerPath, openContainerPath, statContainerPath, statOf } from "./container-path.ts";
import { type ContainerRoot, openContainerRoot } from "./container-root.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { mountsOf } from "./mounts.ts";
import type { ContainerRecord } from "./types.ts";

/** statfs(2) f_type of proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs and bpf (linux/magic.h). */
const KERNEL_VIEWS = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x64626720, 0x74726163, 0xcafe4a11,
]);

/** What is at a path of a container; throws ERR_TSRUN_PATH_NOT_FOUND. */
export async function statInContainer(
  context: EngineContext,
  reference: string,
  { path, follow }: { path: string; follow: boolean },
): Promise<PathStat> {
  using root = await openContainerRoot(context, reference, "with mounts");
  return statContainerPath(root, containerPath(path), { follow });
}

/**
 * The file or directory at a path. All names in the archive begin with the path's last component, "." where that is
 * "." or the root. The container is held until the archive has been read or destroyed.
 */
export async function copyFromContainer(
  context: EngineContext,
  reference: string,
  { path, followLink = false, signal }: CopyFromOptions & { path: string },
): Promise<CopiedFrom> {
  const root = await openContainerRoot(context, reference, "with mounts");
  let fd: number | undefined;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    root[Symbol.dispose]();
  };
  try {
    const wanted = containerPath(path);
    fd = openContainerPath(root, wanted, { follow: followLink });
    const stat = statOf(fd, wanted);
    if (stat.isDirectory) refuseKernelView(fd, wanted, root);
    const name = wanted.endsWith("/.") || wanted === "/" ? "." : fromPath(posix.basename(wanted));
    const enters = mountRule(root.record, wanted);
    const archive = packTree(fd, { name, enters, signal, ownerOf: await ownersInside(root) });
    const stream = Readable.from(archive, { objectMode: false });
    stream.once("close", close);
    recordEvent(context, containerEvent(root.record, "archive-path"));
    return { stat, archive: stream };
  } catch (error) {
    close();
    throw error;
  }
}

/** undefined where the owners are as inside: nothing maps them, or nothing runs. */
export async function ownersInside({ running, record }: ContainerRoot) {
  const ids = running && record.userNamespace;
  if (!ids) return undefined;
  const { ownerInside } = await import("./userns/owners.ts");
  return (owner: { uid: number; gid: number }) => ownerInside(ids, owner);
}

/**
 * Of what is mounted in the container only the user's mounts are files to copy along; /proc, /sys and /dev are empty
 * directories, as they are in the image.
 */
function mountRule(record: ContainerRecord, from: string): NonNullable<WalkOptions["enters"]> {
  const targets = new Set(mountsOf(record).map(({ target }) => fromPath(posix.resolve("/", target))));
  const prefix = fromPath(posix.resolve(from)).replace(/\/$/, "");
  return (directory, parent) =>
    directory.stat.dev === parent.stat.dev || targets.has(`${prefix}/${directory.path}`);
}

function refuseKernelView(fd: number, path: string, { record }: ContainerRoot): void {
  if (!KERNEL_VIEWS.has(statfsSync(`/proc/self/fd/${fd}`).type)) return;
  throw new TsrunError(
    "ERR_TSRUN_PATH_NOT_COPIED",
    `${path} in container ${record.name} is the kernel's view of the system, not files to copy`,
    { hint: `copy a single file of it, or look at it: tsrun exec ${record.name} ls -l ${path}` },
  );
}

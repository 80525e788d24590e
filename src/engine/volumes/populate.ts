/**
 * Copy-up: a volume that is empty when a container gets it receives what the image has at its place, with owners, modes,
 * times, attributes and links.
 *
 * Both sides are descriptors: the image's tree as nobody else sees it, in which the path is resolved as in the container,
 * and the volume's directory. A link in the image leads to the image's own files or nowhere.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Timespec } from "../../kernel/files.ts";
import { O_PATH, openBeneath, openInRoot } from "../../kernel/openat2.ts";
import { xattrsOfDescriptor } from "../../kernel/xattr.ts";
import { packTree } from "../../store/pack/pack.ts";
import { type Paths, volumeDir } from "../../store/paths.ts";
import { statInLayers } from "../../store/resolve.ts";
import { applyToDescriptor } from "../../store/unpack/metadata.ts";
import { unpackInto } from "../../store/unpack/unpack-into.ts";
import { openStopped } from "../container-root.ts";
import { overlayDirectories } from "../files-in-layers.ts";
import type { ContainerRecord, VolumeMount } from "../types.ts";
import { listDirectory } from "./records.ts";

type Subject = Pick<ContainerRecord, "id" | "layers">;

/**
 * Fills the volume where it is empty. The mark `populating` stands beside its files meanwhile: where it is found, a copy
 * was killed and is made again. The caller owns the container, which does not run, and holds the volume.
 */
export async function populateVolume(
  paths: Paths,
  container: Subject,
  { mount, directory }: { mount: VolumeMount; directory: string },
): Promise<void> {
  const mark = join(volumeDir(paths, mount.name), "populating");
  const source = mount.noCopy ? undefined : openInImage(paths, container, mount.target);
  try {
    if (source === undefined) {
      rmSync(mark, { force: true }); // it is used as it is: what happens to be in it is not to be overwritten later
      return;
    }
    if (listDirectory(directory).some(isContent) && !existsSync(mark)) return;
    writeFileSync(mark, "");
    await copyTree(source, directory);
    rmSync(mark, { force: true });
  } finally {
    if (source !== undefined) closeSync(source);
  }
}

/** What mkfs(8) leaves in a new filesystem does not count. */
const isContent = (name: string): boolean => name !== "lost+found";

/** The image's directory at a path; undefined where it has none. */
function openInImage(paths: Paths, container: Subject, path: string): number | undefined {
  const found = statInLayers(overlayDirectories(paths, container.layers), path);
  if (!found?.stats.isDirectory()) return undefined;
  const root = openStopped(paths, container);
  try {
    return openInRoot(root, path, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  } finally {
    closeSync(root);
  }
}

async function copyTree(source: number, directory: string): Promise<void> {
  const target = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await unpackInto(packTree(source, { name: "" }), {
      open: (path, flags) => openBeneath(target, path, flags),
      directory: ".",
    });
    // An archive's root keeps the destination's metadata: here it is to be the source's.
    const { mode, uid, gid, atimeNs, mtimeNs } = fstatSync(source, { bigint: true });
    applyToDescriptor(target, {
      mode: Number(mode) & 0o7777,
      uid: Number(uid),
      gid: Number(gid),
      atime: timespec(atimeNs),
      mtime: timespec(mtimeNs),
      xattrs: xattrsOfDescriptor(source),
    });
  } finally {
    closeSync(target);
  }
}

const BILLION = 1_000_000_000n;

function timespec(nanoseconds: bigint): Timespec {
  const rest = ((nanoseconds % BILLION) + BILLION) % BILLION;
  return { seconds: Number((nanoseconds - rest) / BILLION), nanoseconds: Number(rest) };
}

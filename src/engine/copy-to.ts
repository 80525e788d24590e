/** An archive unpacked inside a container. */
import { accessSync, closeSync, constants, fstatSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { O_PATH, openInRoot } from "../kernel/openat2.ts";
import { fromPath } from "../store/unpack/bytes.ts";
import { unpackInto } from "../store/unpack/unpack-into.ts";
import type { CopyToOptions } from "./api.ts";
import { containerPath, pathError } from "./container-path.ts";
import { type ContainerRoot, openContainerRoot } from "./container-root.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";

const ROOT = { uid: 0, gid: 0 };

/**
 * Unpacks a tar archive, plain or compressed, in an existing directory of the container. Throws
 * ERR_TSRUN_PATH_NOT_FOUND, ERR_TSRUN_READ_ONLY, ERR_TSRUN_ARCHIVE_INVALID, ERR_TSRUN_COPY_CONFLICT or _FAILED.
 */
export async function copyToContainer(
  context: EngineContext,
  reference: string,
  {
    path,
    archive,
    keepOwner = false,
    signal,
  }: CopyToOptions & { path: string; archive: AsyncIterable<Uint8Array> },
): Promise<void> {
  using root = await openContainerRoot(context, reference, "writable");
  const directory = containerPath(path);
  checkDirectory(root, directory);
  await unpackInto(archive, {
    open: (to, flags) => openInRoot(root.fd, to, flags),
    directory: fromPath(directory === "/" ? "/." : directory),
    owner: keepOwner ? undefined : ROOT,
    ...(await asItsRoot(root)),
    signal,
  });
  recordEvent(context, containerEvent(root.record, "extract-to-dir"));
}

/** In a container that runs with ids of its own, files can be made by who has one of them. */
async function asItsRoot({ running, record }: ContainerRoot) {
  const ids = running && record.userNamespace;
  if (!ids) return {};
  const { ownerOnHost } = await import("./userns/owners.ts");
  const { withFsIds } = await import("../kernel/fs-ids.ts");
  const itsRoot = ownerOnHost(ids, ROOT);
  return {
    ownerOnHost: (owner: typeof ROOT) => ownerOnHost(ids, owner),
    perform: (work: () => void) => withFsIds(itsRoot, work),
  };
}

/** It is there, a directory, and may be written to. */
function checkDirectory(root: ContainerRoot, path: string): void {
  let fd: number;
  try {
    fd = openInRoot(root.fd, path, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    throw pathError(root, path, error);
  }
  try {
    const isOnRoot = fstatSync(fd).dev === fstatSync(root.fd).dev;
    if (isOnRoot && root.record.options.readOnly) throw readOnly("container rootfs is marked read-only");
    accessSync(`/proc/self/fd/${fd}`, constants.W_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EROFS")
      throw readOnly("mounted volume is marked read-only");
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readOnly(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_READ_ONLY", message, {
    hint: "copy to a place that the container may write to itself",
  });
}

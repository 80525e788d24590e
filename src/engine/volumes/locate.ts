/** Where on this host the files of a container's mounts are. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { TsrunError } from "../../errors.ts";
import { O_PATH, openBeneath } from "../../kernel/openat2.ts";
import { isRootless } from "../../kernel/rootless.ts";
import type { OciIdMapping } from "../../runtime/oci.ts";
import { layerName } from "../../store/layers.ts";
import { containerDir, layersDir, type Paths } from "../../store/paths.ts";
import { statInLayers } from "../../store/resolve.ts";
import type { EngineContext } from "../context.ts";
import { overlayDirectories } from "../files-in-layers.ts";
import { type LocatedBind, type LocatedMount, mountsOf } from "../mounts.ts";
import type { BindRequest, ContainerRecord, ImageMount, UserNamespace, VolumeMount } from "../types.ts";
import type { ResolvedUser } from "../user.ts";
import { acquireVolume } from "./mounted.ts";
import { populateVolume } from "./populate.ts";
import { dataDirectory } from "./records.ts";

/** All ids that there are, but (uid_t)-1, which is nobody's. */
const LAST_ID = 0xfffffffe;

/**
 * The mounts of a container that is about to start. Volumes that have to be mounted are, for it, until releaseVolumes();
 * one that is empty then gets what the image has at its place.
 */
export async function locateForStart(
  context: EngineContext,
  record: ContainerRecord,
  user: ResolvedUser,
): Promise<LocatedMount[]> {
  const located: LocatedMount[] = [];
  for (const [index, mount] of mountsOf(record).entries()) {
    if (mount.type === "tmpfs") located.push(mount);
    else if (mount.type === "bind") located.push(withOwner(mount, user, record.userNamespace));
    else if (mount.type === "image") located.push(locateImage(context.paths, record, { mount, index }));
    else located.push(withOwner(await startVolume(context, record, mount), user, record.userNamespace));
  }
  return located;
}

/** The same without doing anything, for a container that is not started: it may not even exist. */
export function locateForShow(
  { paths }: EngineContext,
  record: ContainerRecord,
  user: ResolvedUser,
): LocatedMount[] {
  return mountsOf(record).map((mount, index) => {
    if (mount.type === "tmpfs") return mount;
    if (mount.type === "image") return locateImage(paths, record, { mount, index });
    const bind = mount.type === "bind" ? mount : ofContainer(record, mount, asBind(paths, mount));
    if (!statSync(bind.source, { throwIfNoEntry: false })) return bind;
    return withOwner(bind, user, record.userNamespace);
  });
}

async function startVolume(
  context: EngineContext,
  record: ContainerRecord,
  mount: VolumeMount,
): Promise<LocatedBind> {
  if (!mount.needsMount) return ofContainer(record, mount, locateVolume(context.paths, mount));
  const fill = (files: string) => populateVolume(context.paths, record, { mount, directory: files });
  const directory = await acquireVolume(context, mount.name, { id: record.id, fill });
  return locateVolume(context.paths, mount, directory);
}

/**
 * Where the container has a user namespace, a volume's files are its own: they have the same owners on disk whichever
 * container made them. What is mounted from elsewhere has its owners from there.
 */
function ofContainer({ userNamespace }: ContainerRecord, mount: VolumeMount, bind: LocatedBind): LocatedBind {
  if (userNamespace === undefined || mount.needsMount || mount.mapOwner) return bind;
  return { ...bind, origin: { isDirectory: true, ...bind.origin, mapped: true } };
}

/** A volume's files as a bind mount; throws ERR_TSRUN_VOLUME_SUBPATH_INVALID. `directory`: where it is mounted. */
export function locateVolume(
  paths: Paths,
  mount: VolumeMount,
  directory: string = dataDirectory(paths, mount.name),
): LocatedBind {
  const bind = asBind(paths, mount, directory);
  if (mount.subpath === undefined) return bind;
  const base = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    const fd = openBeneath(base, mount.subpath, O_PATH);
    try {
      const [within, source] = [base, fd].map((each) => readlinkSync(`/proc/self/fd/${each}`)) as [
        string,
        string,
      ];
      return { ...bind, source, origin: { within, isDirectory: fstatSync(fd).isDirectory() } };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw subpathError(mount, error);
  } finally {
    closeSync(base);
  }
}

function asBind(
  paths: Paths,
  { name, target, readOnly, mapOwner }: VolumeMount,
  source: string = dataDirectory(paths, name),
): LocatedBind {
  return {
    type: "bind",
    source,
    target,
    readOnly,
    sourceMustExist: true,
    origin: { isDirectory: true },
    ...(mapOwner && { mapOwner }),
  };
}

/** An empty directory of the container for each image that is mounted in it; it is made with the container. */
export const imageDirectory = (paths: Paths, id: string, index: number): string =>
  join(containerDir(paths, id), "images", String(index));

export function makeImageDirectories(paths: Paths, id: string, mounts: readonly { type: string }[]): void {
  for (const [index, { type }] of mounts.entries())
    if (type === "image") mkdirSync(imageDirectory(paths, id, index), { recursive: true, mode: 0o700 });
}

function locateImage(
  paths: Paths,
  { id }: ContainerRecord,
  { mount, index }: { mount: ImageMount; index: number },
): LocatedBind {
  const { target, subpath, layers } = mount;
  const directory = imageDirectory(paths, id, index);
  const stats = subpath ? statInLayers(overlayDirectories(paths, layers), `/${subpath}`)?.stats : undefined;
  if (subpath && stats === undefined) throw subpathError(mount, { code: "ENOENT" });
  return {
    type: "bind",
    source: subpath ? join(directory, subpath) : directory,
    target,
    readOnly: true,
    sourceMustExist: true,
    origin: {
      overlay: {
        layersDir: layersDir(paths),
        lower: layers.map(layerName).reverse(),
        target: relative(layersDir(paths), directory),
        ...(isRootless() && { userXattr: true }),
      },
      ...(subpath && { within: directory }),
      isDirectory: stats?.isDirectory() ?? true,
    },
  };
}

/** U: whoever owns the source and the container's user change places in the mount. */
function withOwner(
  bind: LocatedBind | BindRequest,
  { uid, gid }: ResolvedUser,
  userNamespace: UserNamespace | undefined,
): LocatedBind {
  if (!bind.mapOwner) return bind;
  const owner = statSync(bind.source);
  if (userNamespace === undefined && owner.uid === uid && owner.gid === gid) return bind;
  const uids = exchanged(owner.uid, uid);
  const gids = exchanged(owner.gid, gid);
  if (userNamespace === undefined) return { ...bind, ids: { uids, gids } };
  return {
    ...bind,
    ids: { uids: composed(uids, userNamespace.uids), gids: composed(gids, userNamespace.gids) },
  };
}

/** One map after the other: what the first leads to is looked up in the second, and left out where that lacks it. */
export function composed(first: readonly OciIdMapping[], second: readonly OciIdMapping[]): OciIdMapping[] {
  return first.flatMap(({ containerID, hostID, size }) =>
    second.flatMap((range) => {
      const from = Math.max(hostID, range.containerID);
      const until = Math.min(hostID + size, range.containerID + range.size);
      if (until <= from) return [];
      return [
        {
          containerID: containerID + from - hostID,
          hostID: range.hostID + from - range.containerID,
          size: until - from,
        },
      ];
    }),
  );
}

/** A map of all ids onto themselves, but for two that change places: nothing is left that nobody owns. */
export function exchanged(one: number, other: number): OciIdMapping[] {
  const [low, high] = one < other ? [one, other] : [other, one];
  const same = (from: number, to: number): OciIdMapping[] =>
    to < from ? [] : [{ containerID: from, hostID: from, size: to - from + 1 }];
  if (low === high) return same(0, LAST_ID);
  return [
    ...same(0, low - 1),
    { containerID: low, hostID: high, size: 1 },
    ...same(low + 1, high - 1),
    { containerID: high, hostID: low, size: 1 },
    ...same(high + 1, LAST_ID),
  ];
}

function subpathError(mount: VolumeMount | ImageMount, cause: unknown): TsrunError {
  const { code, message } = cause as { code?: string; message?: string };
  const reasons: Record<string, string> = {
    ENOENT: "no such file or directory",
    ENOTDIR: "not a directory",
    EXDEV: "a link in it leads out of the volume",
  };
  const name = mount.type === "volume" ? mount.name : mount.source;
  return new TsrunError(
    "ERR_TSRUN_VOLUME_SUBPATH_INVALID",
    `cannot access path ${mount.subpath} of ${mount.type} ${name}: ${reasons[code ?? ""] ?? message}`,
    { hint: "a subpath has to be there when the container starts", ...(code === undefined ? {} : { cause }) },
  );
}

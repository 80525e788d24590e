/**
 * Volumes that are mounted while they are used: those of the driver local with options (a share, a tmpfs, a device, a
 * directory), mounted on their `_data`, and those of other drivers, which say themselves where. It is one mount for all
 * containers, as they are to see the same files.
 *
 * run/volumes/<name>/<container id> says for whom. It is written and removed under the volume's lock; the mount goes with
 * the last of these files. The monitor of a container that has such a volume calls at its end for that (start.ts), and
 * of one that was killed the next sweep finds it.
 */
import { existsSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { isMountPoint, mount, unmount } from "../../kernel/mount.ts";
import { flagBits, MS } from "../../runtime/plan/constants.ts";
import { parseMountOptions } from "../../runtime/plan/mount-options.ts";
import { readDocument, writeDocument } from "../../store/documents.ts";
import { type Paths, volumeRunDir } from "../../store/paths.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRecord } from "../types.ts";
import { openDriver } from "./drivers.ts";
import { dataDirectory, holdVolume, listDirectory, type VolumeRecord, volumeNotFound } from "./records.ts";
import { volumesOf } from "./users.ts";
import { LOCAL_DRIVER } from "./validate.ts";

const holderPath = (paths: Paths, name: string, id: string): string => join(volumeRunDir(paths, name), id);

/**
 * Mounts the volume for the container, if nobody has it mounted yet; returns the directory of this host with its files,
 * which `fill` gets while nobody else can use the volume.
 * For a container that has it already nothing changes. Throws ERR_TSRUN_VOLUME_MOUNT_FAILED or what its driver says.
 */
export async function acquireVolume(
  { paths }: EngineContext,
  name: string,
  { id, fill = async () => {} }: { id: string; fill?: (directory: string) => Promise<void> },
): Promise<string> {
  using volume = await holdVolume(paths, name);
  if (!volume) throw volumeNotFound(name);
  const holder = holderPath(paths, name, id);
  const { record } = volume;
  const held = readDocument<{ path: string }>(holder);
  if (held && record.driver !== LOCAL_DRIVER) {
    await fill(held.path);
    return held.path;
  }
  mkdirSync(volumeRunDir(paths, name), { recursive: true, mode: 0o700 });
  const path =
    record.driver === LOCAL_DRIVER ? await mountLocal(paths, record) : await mountByDriver(record, id);
  writeDocument(holder, { path }, { durable: false });
  await fill(path);
  return path;
}

/** The container does not use the volume any more. Calling it again does nothing; a driver that fails is let be. */
export async function releaseVolume({ paths }: EngineContext, name: string, id: string): Promise<void> {
  if (!existsSync(holderPath(paths, name, id))) return;
  using volume = await holdVolume(paths, name);
  rmSync(holderPath(paths, name, id), { force: true });
  if (volume === undefined) return;
  const { driver } = volume.record;
  if (driver === LOCAL_DRIVER) {
    if (listDirectory(volumeRunDir(paths, name)).length === 0) unmountLeftover(paths, volume.record);
    return;
  }
  try {
    await (await openDriver(driver)).unmount(name, id);
  } catch {
    // Its driver is gone or cannot: nobody here can do more, and the container has ended all the same.
  }
  removeIfEmpty(volumeRunDir(paths, name));
}

/** The same for all that were mounted for a container. */
export async function releaseVolumes(context: EngineContext, record: ContainerRecord): Promise<void> {
  const names = volumesOf(record).flatMap(({ name, needsMount }) => (needsMount ? [name] : []));
  for (const name of new Set(names)) await releaseVolume(context, name, record.id);
}

/** Takes away what is mounted on a local volume's directory. The caller holds its lock and knows that nobody uses it. */
export function unmountLeftover(paths: Paths, { name, driver }: VolumeRecord): void {
  const directory = dataDirectory(paths, name);
  if (driver === LOCAL_DRIVER) while (isMountPoint(directory)) unmount(directory);
  rmSync(volumeRunDir(paths, name), { recursive: true, force: true });
}

async function mountByDriver({ name, driver }: VolumeRecord, id: string): Promise<string> {
  return (await openDriver(driver)).mount(name, id);
}

async function mountLocal(paths: Paths, { name, options }: VolumeRecord): Promise<string> {
  const target = dataDirectory(paths, name);
  if (isMountPoint(target)) return target;
  const { type = "", device = "", o = "" } = options;
  const words = o === "" ? [] : o.split(",");
  const { flags, data, bind } = parseMountOptions(await withAddress(type, words));
  const bits = flagBits(MS, [
    ...flags,
    ...(bind === null ? [] : ["MS_BIND"]),
    ...(bind === "rbind" ? ["MS_REC"] : []),
  ]);
  try {
    mount({ source: device, target, type: bind === null ? type : null, flags: bits, data });
    // Of a bind mount the first call takes no other flags, mount(2).
    const remount = flagBits(MS, ["MS_BIND", "MS_REMOUNT", ...flags]);
    if (bind !== null && flags.length > 0)
      mount({ source: device, target, type: null, flags: remount, data: "" });
  } catch (error) {
    if (isMountPoint(target)) unmount(target);
    throw mountFailure({ name, target, device, type, o }, error);
  }
  return target;
}

/** NFS in the kernel knows no names of hosts: mount.nfs(8) looks them up, and so does docker. */
async function withAddress(type: string, words: readonly string[]): Promise<string[]> {
  if (!type.startsWith("nfs") && type !== "cifs") return [...words];
  const all = words.map(async (word) => {
    const host = /^addr=(.+)$/.exec(word)?.[1];
    if (host === undefined || isIP(host) !== 0) return word;
    const { lookup } = await import("node:dns/promises");
    return `addr=${(await lookup(host)).address}`;
  });
  return Promise.all(all);
}

function mountFailure(
  {
    name,
    target,
    device,
    type,
    o,
  }: { name: string; target: string; device: string; type: string; o: string },
  cause: unknown,
): TsrunError {
  const { code } = cause as { code?: string };
  return new TsrunError(
    "ERR_TSRUN_VOLUME_MOUNT_FAILED",
    `error while mounting volume '${target}': failed to mount local volume: mount ${device}:${target}, data: ${o}: ${code}`,
    {
      hint: `try it by hand: mount -t ${type}${o === "" ? "" : ` -o ${o}`} ${device} /mnt; the volume's options are in tsrun volume inspect ${name}`,
      cause,
    },
  );
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/**
 * Where things are on disk. Two tsruns with different roots share nothing.
 *
 *     <root> /var/lib/tsrun, TSRUN_ROOT             <run> /run/tsrun, TSRUN_RUN: gone after a boot
 *       blobs/sha256/<hex>                             containers/<id>/   owner.lock  attach.sock
 *       layers/<first 32 hex of the diff id>/          networks/<id>/   leases/<address> -> <container id>
 *       layers/<…>.json                                locks/
 *       images.json  origins.json                      resolver.sock  resolver.lock
 *       tmp/<random>/   what a process is making, locked by it
 *       containers/<id>/  config.json state.json stopped health.json log.json hosts hostname resolv.conf
 *                         upper/ work/ merged/
 *       names/<container name> -> <id>
 *       userns/<block of ids> -> <id>
 *       volumes/<name>/  volume.json _data/
 *       events/journal  journal.1
 *       cache/seccomp/
 *       build/  cache/<key>.json mounts/<name>/data contexts/<name>.json
 */
import { join } from "node:path";

export interface Paths {
  /** Data that outlives a boot. */
  readonly root: string;
  /** Runtime state, on a tmpfs. */
  readonly run: string;
}

export const blobsDir = (p: Paths): string => join(p.root, "blobs", "sha256");
export const layersDir = (p: Paths): string => join(p.root, "layers");
/** Work in progress, on the same filesystem as what it becomes by rename. */
export const tmpDir = (p: Paths): string => join(p.root, "tmp");
export const imagesFile = (p: Paths): string => join(p.root, "images.json");
export const originsFile = (p: Paths): string => join(p.root, "origins.json");
export const containersDir = (p: Paths): string => join(p.root, "containers");
export const containerDir = (p: Paths, id: string): string => join(p.root, "containers", id);
export const containerRunDir = (p: Paths, id: string): string => join(p.run, "containers", id);
export const namesDir = (p: Paths): string => join(p.root, "names");
export const volumesDir = (p: Paths): string => join(p.root, "volumes");
export const volumeDir = (p: Paths, name: string): string => join(p.root, "volumes", name);
/** Who holds a volume mounted that is mounted only while it is used: a file for each container. */
export const volumeRunDir = (p: Paths, name: string): string => join(p.run, "volumes", name);
export const eventsDir = (p: Paths): string => join(p.root, "events");
export const networkRunDir = (p: Paths, network: string): string => join(p.run, "networks", network);
export const locksDir = (p: Paths): string => join(p.run, "locks");

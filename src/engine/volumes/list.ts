/** volume ls and inspect: the volumes recorded here, and those that drivers tell of besides. */
import type { Paths } from "../../store/paths.ts";
import type { EngineContext } from "../context.ts";
import { openDriver, pluginDrivers } from "./drivers.ts";
import { dataDirectory, readVolume, readVolumes, type VolumeRecord, volumeNotFound } from "./records.ts";
import { volumeUsers } from "./users.ts";
import { LOCAL_DRIVER } from "./validate.ts";

export interface VolumeSummary extends Omit<VolumeRecord, "version"> {
  /** Where its files are on this host; "" where its driver does not say. */
  mountpoint: string;
  /** Ids of the containers that have it, running or not. */
  users: string[];
  /** "global" of a driver whose volumes other hosts see too. */
  scope?: "local" | "global";
  /** What its driver says of it. */
  status?: Record<string, unknown>;
}

/** All volumes, sorted by name. A driver that does not answer tells of none. */
export async function listVolumes({ paths }: EngineContext): Promise<VolumeSummary[]> {
  const users = volumeUsers(paths);
  const records = readVolumes(paths);
  const recorded = records.map((record) => summaryOf(paths, record, users.get(record.name)));
  const others = await Promise.all(pluginDrivers().map((driver) => volumesOfDriver(driver)));
  const found = new Map(others.flat().map((volume) => [volume.name, volume]));
  const all = recorded.map((volume) => withStatus(volume, found.get(volume.name)));
  const names = new Set(records.map(({ name }) => name));
  const unrecorded = [...found.values()].filter(({ name }) => !names.has(name));
  return [...all, ...unrecorded].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** ERR_TSRUN_VOLUME_NOT_FOUND where there is none. */
export async function inspectVolume(context: EngineContext, name: string): Promise<VolumeSummary> {
  const record = readVolume(context.paths, name);
  if (record === undefined) {
    const found = (await listVolumes(context)).find((volume) => volume.name === name);
    if (found === undefined) throw volumeNotFound(name);
    return found;
  }
  const summary = summaryOf(context.paths, record, volumeUsers(context.paths).get(name));
  if (record.driver === LOCAL_DRIVER) return summary;
  const driver = await openDriver(record.driver);
  const { mountpoint = "", status } = await driver.get(name);
  return { ...summary, mountpoint, scope: await driver.scope(), ...(status && { status }) };
}

function summaryOf(paths: Paths, record: VolumeRecord, users: string[] = []): VolumeSummary {
  const { version: _, ...rest } = record;
  const mountpoint = record.driver === LOCAL_DRIVER ? dataDirectory(paths, record.name) : "";
  return { ...rest, mountpoint, users };
}

function withStatus(volume: VolumeSummary, found: VolumeSummary | undefined): VolumeSummary {
  if (found?.driver !== volume.driver) return volume;
  const { mountpoint, scope, status } = found;
  return { ...volume, mountpoint, ...(scope && { scope }), ...(status && { status }) };
}

async function volumesOfDriver(name: string): Promise<VolumeSummary[]> {
  try {
    const driver = await openDriver(name);
    const scope = await driver.scope();
    return (await driver.list()).map((volume) => ({
      name: volume.name,
      driver: name,
      options: {},
      labels: {},
      createdAt: volume.createdAt ?? "",
      mountpoint: volume.mountpoint ?? "",
      users: [],
      scope,
      ...(volume.status && { status: volume.status }),
    }));
  } catch {
    return [];
  }
}

/** Which containers use which volumes: their records say so, whether they run or not. */
import type { Paths } from "../../store/paths.ts";
import { mountsOf } from "../mounts.ts";
import { containerIds, readRecord } from "../records.ts";
import type { ContainerRecord, VolumeMount } from "../types.ts";

export const volumesOf = (record: ContainerRecord): VolumeMount[] =>
  mountsOf(record).filter((mount): mount is VolumeMount => mount.type === "volume");

/** Ids of the containers by the names of the volumes that they use. */
export function volumeUsers(paths: Paths): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const id of containerIds(paths)) {
    const record = readRecord(paths, id);
    const names = new Set(record ? volumesOf(record).map(({ name }) => name) : []);
    for (const name of names) users.set(name, [...(users.get(name) ?? []), id]);
  }
  return users;
}

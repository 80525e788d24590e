/** The containers in another one's pid namespace. */
import type { Paths } from "../store/paths.ts";
import { joinedContainers } from "./namespace-modes.ts";
import { thawIfPaused } from "./pause.ts";
import { containerIds, readRecord } from "./records.ts";

/** Lets those go on that are paused, since the one whose pid namespace it is has been killed. */
export async function thawJoining(paths: Paths, id: string): Promise<void> {
  for (const each of containerIds(paths)) {
    const record = readRecord(paths, each);
    const joins = joinedContainers(record?.options ?? {}).some(
      ({ type, container }) => type === "pid" && container === id,
    );
    if (record === undefined || !joins) continue;
    await thawIfPaused(record);
    await thawJoining(paths, each); // their pid namespace is the same
  }
}

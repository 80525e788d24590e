/** Which containers have to run before others can be started. */
import { joinedContainers } from "./namespace-modes.ts";
import { connections, joinedContainer } from "./network-mode.ts";
import type { ContainerRecord } from "./types.ts";

type Subject = Pick<ContainerRecord, "id" | "options" | "endpoints">;

/** The ids of the containers whose namespaces it joins or that it is linked to. */
export function neededBy(record: Subject): string[] {
  const joined = joinedContainer(record.options);
  const linked = connections(record).flatMap(({ links = [] }) =>
    links.map((link) => link.split(":")[0] ?? ""),
  );
  const others = joinedContainers(record.options).map(({ container }) => container);
  return [...new Set([...(joined === undefined ? [] : [joined]), ...others, ...linked])];
}

/** Each after those that it needs, otherwise in the order given; of two that need each other, the first is first. */
export function inStartOrder<T extends Subject>(records: readonly T[]): T[] {
  const byId = new Map(records.map((record) => [record.id, record]));
  const ordered = new Set<T>();
  const visited = new Set<T>();
  function visit(record: T | undefined): void {
    if (record === undefined || visited.has(record)) return;
    visited.add(record);
    for (const id of neededBy(record)) visit(byId.get(id));
    ordered.add(record);
  }
  for (const record of records) visit(record);
  return [...ordered];
}

/** What the build cache holds, in buildx's table. */
import type { BuildCacheItem } from "../../build/prune.ts";
import type { ListFormat } from "./rows.ts";
import { humanSize } from "./size.ts";
import { table } from "./table.ts";
import { ago } from "./time.ts";

const HEADINGS = ["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"];

/** One line an item; an asterisk says that an image or a container has it too. */
export function cacheTable(items: readonly BuildCacheItem[], now: number): string {
  const rows = items.map((item) => [
    `${item.id}${item.shared ? "*" : ""}`,
    String(!item.inUse),
    humanSize(item.bytes),
    ago(item.lastUsed.toISOString(), now),
  ]);
  return table([HEADINGS, ...rows]);
}

/** Everything about each. */
export function cacheDetails(items: readonly BuildCacheItem[], now: number): string {
  return items
    .map((item) => {
      const lines = [
        ["ID:", item.id],
        ["Created at:", item.created.toISOString()],
        ["Mutable:", String(item.type === "exec.cachemount")],
        ["Reclaimable:", String(!item.inUse)],
        ["Shared:", String(item.shared)],
        ["Size:", humanSize(item.bytes)],
        ["Description:", item.description],
        ["Last used:", ago(item.lastUsed.toISOString(), now)],
        ["Type:", item.type],
      ];
      return `${table(lines)}\n`;
    })
    .join("");
}

export interface CacheRow {
  ID: string;
  Type: string;
  Description: string;
  Reclaimable: string;
  Shared: string;
  Size: string;
  CreatedSince: string;
  LastUsedSince: string;
}

export const cacheList: ListFormat<CacheRow> = {
  headings: {
    ID: "ID",
    Type: "TYPE",
    Description: "DESCRIPTION",
    Reclaimable: "RECLAIMABLE",
    Shared: "SHARED",
    Size: "SIZE",
    CreatedSince: "CREATED",
    LastUsedSince: "LAST ACCESSED",
  },
  columns: ["ID", "Reclaimable", "Size", "LastUsedSince"],
};

export const cacheRow = (item: BuildCacheItem, now: number): CacheRow => ({
  ID: item.id,
  Type: item.type,
  Description: item.description,
  Reclaimable: String(!item.inUse),
  Shared: String(item.shared),
  Size: humanSize(item.bytes),
  CreatedSince: ago(item.created.toISOString(), now),
  LastUsedSince: ago(item.lastUsed.toISOString(), now),
});

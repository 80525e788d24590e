/** What `system df` prints: docker's rows, and one more for what is neither image nor container nor volume. */
import type { BuildCacheItem } from "../../build/prune.ts";
import type { DiskUsage } from "../../engine/api.ts";
import { cacheRow } from "./cache-row.ts";
import { type ContainerRow, containerRow } from "./container-row.ts";
import { type ImageRow, imageRows } from "./image-row.ts";
import { type ListFormat, renderRows } from "./rows.ts";
import { humanSize } from "./size.ts";
import { shortId } from "./table.ts";

export interface UsageRow {
  Type: string;
  TotalCount: string;
  Active: string;
  Size: string;
  Reclaimable: string;
  /** Exact, for programs: what du(1) counts. */
  Bytes: number;
  ReclaimableBytes: number;
}

export const usageList: ListFormat<UsageRow> = {
  headings: {
    Type: "TYPE",
    TotalCount: "TOTAL",
    Active: "ACTIVE",
    Size: "SIZE",
    Reclaimable: "RECLAIMABLE",
    Bytes: "BYTES",
    ReclaimableBytes: "RECLAIMABLE BYTES",
  },
  columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
};

export function usageRows({ images, containers, volumes, buildCache, other }: DiskUsage): UsageRow[] {
  const parts = [
    ["Images", images],
    ["Containers", containers],
    ["Local Volumes", volumes],
    ["Build Cache", buildCache],
    ["Other", other],
  ] as const;
  return parts.map(([Type, { count, active, bytes, reclaimable }]) => ({
    Type,
    TotalCount: String(count),
    Active: String(active),
    Size: humanSize(bytes),
    Reclaimable: `${humanSize(reclaimable)}${Type === "Build Cache" ? "" : shareOf(reclaimable, bytes)}`,
    Bytes: bytes,
    ReclaimableBytes: reclaimable,
  }));
}

/** " (40%)", which docker does not say of the build cache. */
const shareOf = (part: number, whole: number): string =>
  whole > 0 ? ` (${Math.trunc((part / whole) * 100)}%)` : "";

interface ImageUsageRow {
  Repository: string;
  Tag: string;
  ID: string;
  CreatedSince: string;
  Size: string;
  SharedSize: string;
  UniqueSize: string;
  Containers: string;
}

interface VolumeUsageRow {
  Name: string;
  Links: string;
  Size: string;
}

interface OtherUsageRow {
  Path: string;
  Size: string;
}

const imageUsageList: ListFormat<ImageUsageRow> = {
  headings: {
    Repository: "REPOSITORY",
    Tag: "TAG",
    ID: "IMAGE ID",
    CreatedSince: "CREATED",
    Size: "SIZE",
    SharedSize: "SHARED SIZE",
    UniqueSize: "UNIQUE SIZE",
    Containers: "CONTAINERS",
  },
  columns: ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"],
};

const containerUsageList: ListFormat<ContainerRow> = {
  headings: {
    ID: "CONTAINER ID",
    Image: "IMAGE",
    Command: "COMMAND",
    LocalVolumes: "LOCAL VOLUMES",
    Size: "SIZE",
    RunningFor: "CREATED",
    Status: "STATUS",
    Names: "NAMES",
  },
  columns: ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"],
};

const volumeUsageList: ListFormat<VolumeUsageRow> = {
  headings: { Name: "VOLUME NAME", Links: "LINKS", Size: "SIZE" },
  columns: ["Name", "Links", "Size"],
};

const cacheUsageList: ListFormat<Record<string, string>> = {
  headings: {
    ID: "CACHE ID",
    CacheType: "CACHE TYPE",
    Size: "SIZE",
    CreatedSince: "CREATED",
    LastUsedSince: "LAST USED",
    Shared: "SHARED",
  },
  columns: ["ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "Shared"],
};

const otherUsageList: ListFormat<OtherUsageRow> = {
  headings: { Path: "PATH", Size: "SIZE" },
  columns: ["Path", "Size"],
};

/** Docker's document of `-v --format`. */
export interface UsageDetails {
  Images: ImageUsageRow[];
  Containers: ContainerRow[];
  Volumes: VolumeUsageRow[];
  BuildCache: Record<string, string>[];
  Other: OtherUsageRow[];
}

/** When it is, and what the build cache holds. */
interface UsageMoment {
  now: number;
  cache: readonly BuildCacheItem[];
}

/** One row an image, whatever names it has: so that the sizes add up. */
export function usageDetails(
  { images, containers, volumes, other }: DiskUsage,
  { now, cache }: UsageMoment,
): UsageDetails {
  return {
    Images: images.items.map(({ image, bytes, shared, containers }) => {
      const [row] = imageRows(image, { truncate: true, now });
      const { Repository, Tag, CreatedSince } = row as ImageRow;
      return {
        Repository,
        Tag,
        ID: shortId(image.id),
        CreatedSince,
        Size: humanSize(bytes),
        SharedSize: humanSize(shared),
        UniqueSize: humanSize(bytes - shared),
        Containers: String(containers.length),
      };
    }),
    Containers: containers.items.map(({ container, bytes }) => ({
      ...containerRow(container, { truncate: true, now, size: undefined }),
      Size: humanSize(bytes),
    })),
    Volumes: volumes.items.map(({ name, links, bytes }) => ({
      Name: name,
      Links: String(links),
      Size: humanSize(bytes),
    })),
    BuildCache: cache.map((item) => {
      const { ID, Type, Size, CreatedSince, LastUsedSince, Shared } = cacheRow(item, now);
      return { ID, CacheType: Type, Size, CreatedSince, LastUsedSince, Shared };
    }),
    Other: other.items.map(({ path, bytes }) => ({ Path: path, Size: humanSize(bytes) })),
  };
}

export function usageReport(usage: DiskUsage, moment: UsageMoment): string {
  const { Images, Containers, Volumes, BuildCache, Other } = usageDetails(usage, moment);
  const { images, buildCache } = usage;
  return [
    `Images space usage:\n\n${renderRows(Images, "", imageUsageList)}`,
    ...(images.unreferenced > 0
      ? [`What no image needs any more (tsrun image prune): ${humanSize(images.unreferenced)}\n`]
      : []),
    `Containers space usage:\n\n${renderRows(Containers, "", containerUsageList)}`,
    `Local Volumes space usage:\n\n${renderRows(Volumes, "", volumeUsageList)}`,
    `Build cache usage: ${humanSize(buildCache.bytes)}\n\n${renderRows(BuildCache, "", cacheUsageList)}`,
    `Other space usage:\n\n${renderRows(Other, "", otherUsageList)}`,
  ].join("\n");
}

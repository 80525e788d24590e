/** A line of `images`: one for each name of an image. */
import type { ImageSummary } from "../../engine/api.ts";
import { familiarRepository, parseReference } from "../../image/reference.ts";
import type { ListFormat } from "./rows.ts";
import { humanSize } from "./size.ts";
import { shortId } from "./table.ts";
import { ago, goTime } from "./time.ts";

const NONE = "<none>";

export interface ImageRow {
  Containers: string;
  CreatedAt: string;
  CreatedSince: string;
  Digest: string;
  ID: string;
  Repository: string;
  SharedSize: string;
  Size: string;
  Tag: string;
  UniqueSize: string;
  VirtualSize: string;
}

export function imageList(withDigests: boolean): ListFormat<ImageRow> {
  return {
    headings: {
      Repository: "REPOSITORY",
      Tag: "TAG",
      Digest: "DIGEST",
      ID: "IMAGE ID",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      Size: "SIZE",
      Containers: "CONTAINERS",
      SharedSize: "SHARED SIZE",
      UniqueSize: "UNIQUE SIZE",
      VirtualSize: "SIZE",
    },
    columns: [
      "Repository",
      "Tag",
      ...(withDigests ? (["Digest"] as const) : []),
      "ID",
      "CreatedSince",
      "Size",
    ],
  };
}

export function imageRows(image: ImageSummary, view: { truncate: boolean; now: number }): ImageRow[] {
  const common = {
    Containers: "N/A",
    CreatedAt: goTime(image.created),
    CreatedSince: ago(image.created, view.now),
    ID: view.truncate ? shortId(image.id) : image.id,
    SharedSize: "N/A",
    Size: humanSize(image.size),
    UniqueSize: "N/A",
    VirtualSize: humanSize(image.size),
  };
  const digests = new Map(image.digests.map((name) => name.split("@") as [string, string]));
  const names = image.names.map((name) => parseReference(name));
  const tagged = names.filter((reference) => reference.tag !== undefined);
  const rows = (tagged.length > 0 ? tagged : names.slice(0, 1)).map((reference) => {
    const Repository = familiarRepository(reference);
    return { ...common, Repository, Tag: reference.tag ?? NONE, Digest: digests.get(Repository) ?? NONE };
  });
  if (rows.length > 0) return rows;
  const [repository = NONE, digest = NONE] = [...digests][0] ?? [];
  return [{ ...common, Repository: repository, Tag: NONE, Digest: digest }];
}

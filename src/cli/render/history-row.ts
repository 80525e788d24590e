/** A line of `history`: one step of how an image was made. */
import type { ImageHistoryEntry } from "../../engine/api.ts";
import type { ListFormat } from "./rows.ts";
import { humanSize } from "./size.ts";
import { ellipsis, shortId } from "./table.ts";
import { ago, rfc3339 } from "./time.ts";

const MISSING = "<missing>";
const CREATED_BY_COLUMNS = 45;

export interface HistoryRow {
  Comment: string;
  CreatedAt: string;
  CreatedBy: string;
  CreatedSince: string;
  ID: string;
  Size: string;
}

export const historyList = (human: boolean): ListFormat<HistoryRow> => ({
  headings: {
    ID: "IMAGE",
    CreatedSince: "CREATED",
    CreatedAt: "CREATED AT",
    CreatedBy: "CREATED BY",
    Size: "SIZE",
    Comment: "COMMENT",
  },
  columns: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"],
});

interface View {
  human: boolean;
  truncate: boolean;
  now: number;
}

export function historyRow(step: ImageHistoryEntry, { human, truncate, now }: View): HistoryRow {
  const createdBy = step.createdBy.replaceAll("\t", " ");
  const id = step.id ?? MISSING;
  const createdAt = rfc3339(step.created);
  return {
    Comment: step.comment,
    CreatedAt: createdAt,
    CreatedBy: truncate ? ellipsis(createdBy, CREATED_BY_COLUMNS) : createdBy,
    CreatedSince: human ? ago(step.created, now) : createdAt,
    ID: truncate && step.id !== undefined ? shortId(id) : id,
    Size: human ? humanSize(step.size) : String(step.size),
  };
}

/** A line of `search`. */
import type { FoundImage } from "../../engine/api.ts";
import type { ListFormat } from "./rows.ts";
import { ellipsis } from "./table.ts";

export interface SearchRow {
  Description: string;
  IsAutomated: string;
  IsOfficial: string;
  Name: string;
  StarCount: string;
}

export const searchList: ListFormat<SearchRow> = {
  headings: {
    Name: "NAME",
    Description: "DESCRIPTION",
    StarCount: "STARS",
    IsOfficial: "OFFICIAL",
    IsAutomated: "AUTOMATED",
  },
  columns: ["Name", "Description", "StarCount", "IsOfficial"],
};

const DESCRIPTION_COLUMNS = 45;

export function searchRow(
  { name, description, stars, official, automated }: FoundImage,
  view: { truncate: boolean; isJson: boolean },
): SearchRow {
  const yes = (value: boolean) => (view.isJson ? String(value) : value ? "[OK]" : "");
  return {
    Description: view.truncate ? ellipsis(description, DESCRIPTION_COLUMNS) : description,
    IsAutomated: yes(automated),
    IsOfficial: yes(official),
    Name: name,
    StarCount: String(stars),
  };
}

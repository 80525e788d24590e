/** Lists of names that a registry gives page by page: the tags of a repository, the catalog. */
import { TsrunError } from "../errors.ts";
import { nextQuery } from "./link-header.ts";
import { parseObject } from "./manifest.ts";
import { readAll } from "./read-all.ts";
import type { HttpResponse } from "./transport.ts";

export interface Page {
  names: string[];
  /** The query to ask for the next page with. */
  next: string | undefined;
}

/** Of a page: names of 128 characters, ten thousand of them. */
const PAGE_LIMIT = 4 * 1024 * 1024;
/** More pages than any registry has. */
const PAGES_LIMIT = 1000;
/** More names than anybody reads. */
const NAMES_LIMIT = 100_000;

/** Reads one page, whose names are in the document's field `field`. */
export async function readPage(response: HttpResponse, field: string, stallMs: number): Promise<Page> {
  const what = `list of ${field}`;
  const bytes = await readAll(response, { limit: PAGE_LIMIT, what, stallMs });
  // A repository whose last tag was deleted has null for a list.
  const names = parseObject(bytes, what)[field] ?? [];
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string"))
    throw new TsrunError("ERR_TSRUN_REGISTRY_FAILED", `the registry's ${what} is none`);
  return { names, next: nextQuery(response.headers.get("link")) };
}

/** All names, in the registry's order, each once; `ask` fetches the page of a query, "" for the first. */
export async function allPages(ask: (query: string) => Promise<Page>): Promise<string[]> {
  const names = new Set<string>();
  const asked = new Set<string>();
  for (let query: string | undefined = ""; query !== undefined; ) {
    if (asked.has(query) || asked.size === PAGES_LIMIT)
      throw new TsrunError(
        "ERR_TSRUN_REGISTRY_FAILED",
        `the registry's list does not end: ${query} follows again`,
      );
    asked.add(query);
    const page: Page = await ask(query);
    for (const name of page.names) names.add(name);
    if (names.size > NAMES_LIMIT)
      throw new TsrunError(
        "ERR_TSRUN_REGISTRY_FAILED",
        `the registry's list has more than ${NAMES_LIMIT} names`,
      );
    query = page.next;
  }
  return [...names];
}

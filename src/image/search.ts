/**
 * Looking for images: Docker Hub's search (/v1/search), which some other registries have too; of those that do not, the
 * catalog of all repositories is looked through (distribution-spec's _catalog).
 */
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { type Connection, noRepository, openConnection } from "./contact.ts";
import type { Endpoint } from "./endpoints.ts";
import { parseObject } from "./manifest.ts";
import { allPages, type Page, readPage } from "./pages.ts";
import { plain } from "./plain.ts";
import { readAll } from "./read-all.ts";
import { splitDomain } from "./reference.ts";
import { isDenial, StatusError } from "./registry-error.ts";
import type { RetryPolicy } from "./retry.ts";
import type { HttpResponse } from "./transport.ts";

export interface FoundImage {
  /** As it can be pulled: "alpine", "localhost:5000/team/app". */
  name: string;
  description: string;
  stars: number;
  official: boolean;
  automated: boolean;
}

export interface SearchOptions {
  /** The most results, 1 to 100; 25 by default. */
  limit?: number;
  signal?: AbortSignal;
  policy?: RetryPolicy;
}

const DEFAULT_LIMIT = 25;
const ANSWER_LIMIT = 4 * 1024 * 1024;
/** Docker Hub's search has a host of its own. */
const HUB: Endpoint = { url: "https://index.docker.io", host: "docker.io", mirror: false, insecure: false };

/**
 * @param term what names or descriptions are to have in them; "HOST[:PORT]/TERM" asks that registry
 * @throws TsrunError ERR_TSRUN_SEARCH_INVALID, and what keeps a registry from answering
 */
export async function searchImages(
  config: Config,
  term: string,
  { limit = DEFAULT_LIMIT, signal, policy }: SearchOptions = {},
): Promise<FoundImage[]> {
  const { domain, words } = splitTerm(term);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw invalid(`limit ${limit} is outside the range of [1, 100]`, "take more words to narrow it down");
  const isHub = domain === "docker.io";
  using connection = await openConnection(noRepository(domain), {
    config,
    access: "",
    signal,
    ...(isHub && { endpoints: [HUB] }),
    ...(policy !== undefined && { policy }),
    explainStatus: (error) => explainStatus(error, domain),
  });
  const query = new URLSearchParams({ q: words, n: String(limit) });
  const found = await get(connection, `/v1/search?${query}`, readResults).catch((error) => {
    if (isHub || !hasNoSearch(error)) throw error;
    return inCatalog(words, connection);
  });
  const prefix = isHub ? "" : `${domain}/`;
  return found.slice(0, limit).map((image) => ({ ...image, name: `${prefix}${image.name}` }));
}

type Read<T> = (response: HttpResponse, stallMs: number) => Promise<T>;

function get<T>({ ask, send, policy }: Connection, path: string, read: Read<T>): Promise<T> {
  return ask("search", async (contact) =>
    read(await send(contact, new URL(`${contact.url}${path}`)), policy.stallMs),
  );
}

/** The registry and the words to look for; Docker Hub's own images have no "library/" in its search. */
function splitTerm(term: string): { domain: string; words: string } {
  if (term.includes("://")) {
    throw invalid(`invalid search term ${term}: a registry is given without a scheme`, "HOST[:PORT]/TERM");
  }
  const [domain, rest] = splitDomain(term);
  return { domain, words: domain === "docker.io" ? rest.replace(/^library\//, "") : rest };
}

/** Registries without search say so in several ways, a page of their web interface among them. */
function hasNoSearch(error: unknown): boolean {
  const { cause, code } = error as TsrunError;
  return cause instanceof StatusError
    ? [400, 403, 404, 405, 410, 501].includes(cause.status)
    : code === "ERR_TSRUN_MANIFEST_INVALID";
}

function explainStatus(error: StatusError, domain: string): TsrunError | undefined {
  if (isDenial(error)) {
    const said = error.registryMessage || `it answered ${error.status}`;
    return new TsrunError("ERR_TSRUN_SEARCH_DENIED", `search in ${domain} denied: ${said}`, {
      hint: `\`tsrun login ${domain}\`; many registries let nobody see the list of their repositories`,
      cause: error,
    });
  }
  if (error.status !== 404) return undefined;
  return new TsrunError(
    "ERR_TSRUN_REGISTRY_FAILED",
    `${domain} cannot be searched: it has neither search nor catalog`,
    {
      hint: "pull images by their names",
      cause: error,
    },
  );
}

const readResults: Read<FoundImage[]> = async (response, stallMs) => {
  const bytes = await readAll(response, { limit: ANSWER_LIMIT, what: "search", stallMs });
  const { results } = parseObject(bytes, "search");
  return Array.isArray(results) ? results.flatMap(readResult) : [];
};

function readResult(value: unknown): FoundImage[] {
  const { name, description, star_count, is_official, is_automated } = (value ?? {}) as Record<
    string,
    unknown
  >;
  if (typeof name !== "string" || name === "") return [];
  return [
    {
      name: plain(name),
      description: typeof description === "string" ? plain(description) : "",
      stars: Number.isSafeInteger(star_count) ? (star_count as number) : 0,
      official: is_official === true,
      automated: is_automated === true,
    },
  ];
}

async function inCatalog(words: string, connection: Connection): Promise<FoundImage[]> {
  const page: Read<Page> = (response, stallMs) => readPage(response, "repositories", stallMs);
  const names = await allPages((query) => get(connection, `/v2/_catalog${query}`, page));
  const matching = names.filter((name) => name.includes(words.toLowerCase()));
  return matching.map((name) => ({
    name: plain(name),
    description: "",
    stars: 0,
    official: false,
    automated: false,
  }));
}

function invalid(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_SEARCH_INVALID", message, { hint });
}

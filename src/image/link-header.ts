/** The Link header (RFC 8288, section 3) by which lists of a registry go on: `</v2/x/tags/list?last=b&n=2>; rel="next"`. */

export interface Link {
  target: string;
  /** Lower-case. */
  relations: string[];
}

/** The links of a header; what cannot be read of it is left out. */
export function parseLinks(header: string): Link[] {
  const target = /[\s,;]*<([^>]*)>/y;
  const parameter = /\s*;\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/y;
  const links: Link[] = [];
  for (let at = 0; ; ) {
    target.lastIndex = at;
    const found = target.exec(header)?.[1];
    if (found === undefined) return links;
    at = target.lastIndex;
    let relations: string | undefined;
    for (;;) {
      parameter.lastIndex = at;
      const match = parameter.exec(header);
      if (match === null) break;
      at = parameter.lastIndex;
      // Of several, only the first counts.
      if (match[1]?.toLowerCase() === "rel")
        relations ??= match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "";
    }
    links.push({ target: found, relations: (relations ?? "").toLowerCase().split(/\s+/).filter(Boolean) });
  }
}

/**
 * The query of a list's next page: "?last=b&n=2"; undefined at its end. Of the link nothing else is used: whatever host
 * it names (a registry behind a proxy may not know its own), the list goes on where it began, and so do credentials.
 */
export function nextQuery(header: string | null): string | undefined {
  const next = parseLinks(header ?? "").find(({ relations }) => relations.includes("next"))?.target;
  if (next === undefined || !URL.canParse(next, "http://registry/")) return undefined;
  return new URL(next, "http://registry/").search || undefined;
}

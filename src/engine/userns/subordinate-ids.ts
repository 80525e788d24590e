/** Ranges of ids that the host's administrator has given to somebody: subuid(5), subgid(5). */
import { readFileSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import type { OciIdMapping } from "../../runtime/oci.ts";

export interface IdSpan {
  first: number;
  count: number;
}

export interface Account {
  name: string;
  id: number | undefined;
}

const LAST_ID = 0xfffffffe;

/**
 * The spans of a file's lines for an account, by its name or number, in their order. Of what an earlier one has too,
 * the larger part outside of that: files of years hold lines that overlap, and no map may name an id twice.
 */
export function spansOf(text: string, account: Account): IdSpan[] {
  const spans: IdSpan[] = [];
  for (const line of text.split("\n")) {
    const span = spanOf(line, account);
    const rest = span && spans.reduce(partOutside, span);
    if (rest && rest.count > 0) spans.push(rest);
  }
  return spans;
}

function spanOf(line: string, { name, id }: Account): IdSpan | undefined {
  const [owner, first = "", count = ""] = line.trim().split(":");
  if (owner !== name && (id === undefined || owner !== String(id))) return undefined;
  if (!/^\d+$/.test(first) || !/^\d+$/.test(count) || Number(count) === 0) return undefined;
  if (Number(first) + Number(count) - 1 > LAST_ID) return undefined;
  return { first: Number(first), count: Number(count) };
}

function partOutside(span: IdSpan, other: IdSpan): IdSpan {
  const [end, otherEnd] = [span.first + span.count, other.first + other.count];
  if (end <= other.first || otherEnd <= span.first) return span;
  const below = { first: span.first, count: Math.max(0, other.first - span.first) };
  const above = { first: otherEnd, count: Math.max(0, end - otherEnd) };
  return below.count > above.count ? below : above;
}

/** One span after the other, as the container's ids from 0 on: what dockerd makes of several lines. */
export function consecutive(spans: readonly IdSpan[]): OciIdMapping[] {
  let next = 0;
  return spans.map(({ first, count }) => {
    const mapping = { containerID: next, hostID: first, size: count };
    next += count;
    return mapping;
  });
}

/** Ids that are in both lists. */
export function common(some: readonly IdSpan[], others: readonly IdSpan[]): IdSpan[] {
  return some.flatMap((one) =>
    others.flatMap((other) => {
      const first = Math.max(one.first, other.first);
      const end = Math.min(one.first + one.count, other.first + other.count);
      return end > first ? [{ first, count: end - first }] : [];
    }),
  );
}

/**
 * The value of userns-remap: "default" (docker's dockremap), USER or USER:GROUP, names or numbers. Throws
 * ERR_TSRUN_USERNS_REMAP_INVALID where the host does not know one of them.
 */
export function remapAccounts(spec: string): { user: Account; group: Account } {
  const [userPart = "", groupPart] = (spec === "default" ? "dockremap" : spec).split(":");
  const user = accountOf("/etc/passwd", userPart, spec);
  return {
    user,
    group: groupPart === undefined ? groupLike(user) : accountOf("/etc/group", groupPart, spec),
  };
}

/** A user's ranges in /etc/subgid are by the user's name, or by that of the group of the same name. */
const groupLike = ({ name }: Account): Account => ({ name, id: undefined });

function accountOf(file: string, wanted: string, spec: string): Account {
  const found = readText(file)
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name, , id]) => name === wanted || id === wanted);
  const [name = "", , id] = found ?? [];
  if (found) return { name, id: Number(id) };
  // subuid(5) may name somebody whom another source of accounts knows, and by a number anybody.
  if (/^\d+$/.test(wanted)) return { name: wanted, id: Number(wanted) };
  if (new RegExp(`^${escaped(wanted)}:`, "m").test(readText("/etc/subuid")))
    return { name: wanted, id: undefined };
  throw new TsrunError(
    "ERR_TSRUN_USERNS_REMAP_INVALID",
    `userns-remap "${spec}": ${file} knows no ${wanted}`,
    {
      hint: addRange(wanted),
    },
  );
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The command that makes an account with ranges of its own. */
export const addRange = (name: string): string =>
  `give it ids: sudo useradd --system --no-create-home ${name}; sudo usermod --add-subuids 231072-296607 --add-subgids 231072-296607 ${name} (a range that nobody else has in /etc/subuid and /etc/subgid)`;

/** "" where there is none. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

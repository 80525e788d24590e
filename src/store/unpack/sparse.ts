/**
 * Sparse files in GNU tar's four formats (GNU tar manual, "Storing Sparse Files"): the archive holds the data
 * regions one after another, and a map says where in the file each belongs.
 */
import type { PaxRecords } from "./pax.ts";
import { paxInteger } from "./pax.ts";
import { corrupt } from "./refusals.ts";
import { BLOCK, number } from "./tar-header.ts";

export interface Region {
  readonly offset: number;
  readonly length: number;
}

export interface SparseMap {
  /** Ascending, not overlapping. */
  readonly regions: readonly Region[];
  /** The file's size with all its holes. */
  readonly size: number;
}

/** The most regions a map may have, far beyond what any filesystem's extents look like. */
export const MAX_REGIONS = 1_000_000;

/** Checks a map against itself and the bytes that the archive stores for it. */
export function sparseMap(numbers: readonly number[], size: number, stored: number): SparseMap {
  const regions: Region[] = [];
  let end = 0;
  let total = 0;
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const [offset, length] = [numbers[i] as number, numbers[i + 1] as number];
    if (offset < end || length < 0 || offset + length > size)
      throw corrupt("a sparse file has a map that makes no sense");
    end = offset + length;
    total += length;
    if (length > 0) regions.push({ offset, length });
  }
  if (total !== stored || numbers.length % 2 !== 0)
    throw corrupt("a sparse file's map does not fit its data");
  return { regions, size };
}

/** Formats 0.0 and 0.1: the map is in the PAX records. Undefined where the records describe no such file. */
export function sparseFromPax(pax: PaxRecords, stored: number): SparseMap | undefined {
  const size = paxInteger(pax, "GNU.sparse.size");
  if (size === undefined) return undefined;
  const list = pax.values.get("GNU.sparse.map")?.split(",") ?? pax.sparseNumbers;
  return sparseMap(list.filter((item) => item !== "").map(decimal), size, stored);
}

/** Format "old GNU": four regions in the header itself; `more` says that blocks of further regions follow. */
export function sparseFromHeader(
  block: Buffer,
  at: number,
): { numbers: number[]; size: number; more: boolean } {
  return {
    numbers: pairs(block, at + 386, 4),
    size: number(block, at + 483, 12),
    more: block[at + 482] !== 0,
  };
}

/** One such further block: 21 regions. */
export function sparseExtension(block: Buffer, at: number): { numbers: number[]; more: boolean } {
  return { numbers: pairs(block, at, 21), more: block[at + 504] !== 0 };
}

function pairs(block: Buffer, at: number, count: number): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    if (block[at + i * 24] === 0) break;
    numbers.push(number(block, at + i * 24, 12), number(block, at + i * 24 + 12, 12));
  }
  return numbers;
}

/**
 * Format 1.0: the data begins with the map, as lines of decimal numbers (their count of pairs first) padded to a
 * block. Feed it block by block; it returns the numbers when the map is complete.
 */
export function sparsePrefixReader(): (block: Buffer, at: number) => number[] | undefined {
  const numbers: number[] = [];
  let line = "";
  return (block, at) => {
    const lines = (line + block.toString("latin1", at, at + BLOCK)).split("\n");
    line = lines.pop() as string;
    if (line.length > BLOCK) throw corrupt("a sparse file's map has something that is not a number");
    for (const item of lines) {
      numbers.push(decimal(item));
      const pairCount = numbers[0] as number;
      if (pairCount > MAX_REGIONS) throw corrupt("a sparse file's map has too many regions");
      if (numbers.length === 1 + 2 * pairCount) return numbers.slice(1);
    }
    return undefined;
  };
}

function decimal(item: string): number {
  if (!/^[0-9]{1,15}$/.test(item)) throw corrupt("a sparse file's map has something that is not a number");
  return Number(item);
}

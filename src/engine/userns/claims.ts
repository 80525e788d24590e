/**
 * Ids that one container has and no other, for `--userns=auto`. They are given out in blocks: <root>/userns/<number of the
 * block> is a symbolic link to the container's id, which symlink(2) makes or does not, so that no lock is needed.
 */
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../store/paths.ts";
import type { IdSpan } from "./subordinate-ids.ts";

/** Ids in a block. It begins at a multiple, whatever the ranges are by then that were given to tsrun. */
export const BLOCK = 1024;

const directory = (paths: Paths): string => join(paths.root, "userns");

/** The first id of `size` consecutive ones within the spans, the container's from now on; undefined where none are left. */
export function claimIds(
  paths: Paths,
  id: string,
  { spans, size }: { spans: readonly IdSpan[]; size: number },
): number | undefined {
  mkdirSync(directory(paths), { recursive: true, mode: 0o700 });
  const taken = takenBlocks(paths);
  for (const start of candidates(spans, size)) {
    const blocks = blocksOf(start, size);
    if (blocks.some((block) => taken.has(block))) continue;
    const lost = claimAll(paths, id, blocks);
    if (lost === undefined) return start * BLOCK;
    taken.add(lost);
  }
  return undefined;
}

/** The same without taking anything. */
export function freeIds(
  paths: Paths,
  { spans, size }: { spans: readonly IdSpan[]; size: number },
): number | undefined {
  const taken = takenBlocks(paths);
  for (const start of candidates(spans, size))
    if (!blocksOf(start, size).some((block) => taken.has(block))) return start * BLOCK;
  return undefined;
}

/** Gives back what the container has. */
export function releaseIds(paths: Paths, id: string): void {
  for (const [block, owner] of claims(paths)) if (owner === id) release(paths, block);
}

/** The containers that have ids. */
export const claimants = (paths: Paths): Set<string> => new Set(claims(paths).map(([, owner]) => owner));

/** Returns the first block that somebody else has; then none is claimed. */
function claimAll(paths: Paths, id: string, blocks: readonly number[]): number | undefined {
  for (const [index, block] of blocks.entries()) {
    try {
      symlinkSync(id, join(directory(paths), String(block)));
    } catch (error) {
      for (const claimed of blocks.slice(0, index)) release(paths, claimed);
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return block;
    }
  }
  return undefined;
}

function* candidates(spans: readonly IdSpan[], size: number): Generator<number> {
  const needed = Math.ceil(size / BLOCK);
  for (const { first, count } of spans) {
    const last = Math.floor((first + count) / BLOCK) - needed;
    for (let block = Math.ceil(first / BLOCK); block <= last; block++) yield block;
  }
}

const blocksOf = (start: number, size: number): number[] =>
  Array.from({ length: Math.ceil(size / BLOCK) }, (_, index) => start + index);

const takenBlocks = (paths: Paths): Set<number> => new Set(claims(paths).map(([block]) => block));

function claims(paths: Paths): [block: number, owner: string][] {
  return names(paths).flatMap((name): [number, string][] => {
    try {
      return [[Number(name), readlinkSync(join(directory(paths), name))]];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

function names(paths: Paths): string[] {
  try {
    return readdirSync(directory(paths));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

const release = (paths: Paths, block: number): void =>
  rmSync(join(directory(paths), String(block)), { force: true });

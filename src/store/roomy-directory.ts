/**
 * A directory in which many files can be made fast.
 *
 * ext4 takes a new file's inode from the block group of its directory, and looks for it from the group's first one on.
 * On the way it asks of each free inode whether it was deleted within the last minutes, since it does not use such a
 * one again (recently_deleted(), Linux 3.12). In a group that has just lost a large tree each file takes longer to be
 * given an inode than to be written. How many inodes were passed over for a directory is seen by its own one's number.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";

/** As mke2fs(8) makes groups. Where it is wrong, or the filesystem another, any directory is as good. */
const INODES_PER_GROUP = 8192;
/** As many are passed over in no time that could be measured. */
const FEW = 32;
const CANDIDATES = 8;

/**
 * As mkdtemp(3), in a directory that `markTopDirectory` was called for: there, the kernel takes another group for each.
 * Of a few such the one with the most room is kept.
 */
export function makeRoomyDirectory(prefix: string): string {
  const candidates = [candidate(prefix)];
  while (candidates.length < CANDIDATES && (candidates.at(-1)?.passedOver ?? 0) > FEW)
    candidates.push(candidate(prefix));
  const [best, ...others] = candidates.sort((a, b) => a.passedOver - b.passedOver);
  for (const { path } of others) rmSync(path, { recursive: true, force: true });
  return best?.path as string;
}

function candidate(prefix: string): { path: string; passedOver: number } {
  const path = mkdtempSync(prefix);
  // The first inode has the number 1. A sweep may have removed the directory meanwhile: that is the caller's to notice.
  const number = statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
  return { path, passedOver: (number - 1) % INODES_PER_GROUP };
}

/** What a COPY takes, as one digest: names, types, modes, owners, attributes and contents, but no times. */
import { readlinkSync } from "node:fs";
import type { FileDigests } from "../cache/file-digests.ts";
import { portableXattrs } from "./portable-xattrs.ts";
import type { FoundFile, Match, SourceRoot } from "./sources.ts";
import { textDigest } from "./text-digest.ts";

/** Of the matches in their order. A single file goes by any name: that is the destination's. */
export function digestMatches(
  matches: readonly Match[],
  { ownedByRoot }: SourceRoot,
  digests: FileDigests,
): string {
  const digest = textDigest();
  for (const match of matches) {
    const name = match.path.slice(match.path.lastIndexOf("/") + 1);
    digest.update(`${JSON.stringify([name, match.isDirectory])}\n`);
    for (const found of match.files()) {
      // The directory whose content is copied gives that nothing.
      if (found.path === "" && match.isDirectory) continue;
      digest.update(`${JSON.stringify(describe(found, ownedByRoot, digests))}\n`);
    }
  }
  return digest.digest();
}

function describe({ path, file, stat }: FoundFile, ownedByRoot: boolean, digests: FileDigests): unknown[] {
  const owner = ownedByRoot ? [] : [Number(stat.uid), Number(stat.gid)];
  const common = [path, Number(stat.mode), ...owner];
  if (stat.isSymbolicLink()) return [...common, readlinkSync(file, "latin1")];
  if (stat.isFile()) {
    const { digest, xattrs } = digests.content(file, stat);
    return [...common, Number(stat.size), digest, xattrs];
  }
  return stat.isDirectory() ? [...common, portableXattrs(file)] : [...common, Number(stat.rdev)];
}

/**
 * Which repositories of registries have a blob, so that a push to another repository of the same registry need not
 * upload it. Only a hint: it is not synced, and whatever is lost of it costs an upload.
 */
import { join } from "node:path";
import { readDocument, writeDocument } from "./documents.ts";
import { lock } from "./locks.ts";
import { locksDir, originsFile, type Paths } from "./paths.ts";

interface Origins {
  readonly version: 1;
  /** Repositories ("docker.io/library/alpine") by digest; both the latest last. */
  readonly blobs: Readonly<Record<string, readonly string[]>>;
}

/** Enough for some hundred images; those seen longest ago are forgotten. */
const BLOBS = 1024;
const REPOSITORIES = 8;

/** The repositories that are known to have had each blob, the latest first. */
export function originsOf(paths: Paths): (digest: string) => string[] {
  const { blobs } = readOrigins(paths);
  return (digest) => (Object.hasOwn(blobs, digest) ? [...(blobs[digest] ?? [])].reverse() : []);
}

/** Remembers that a repository has blobs. */
export async function recordOrigins(
  paths: Paths,
  repository: string,
  digests: readonly string[],
): Promise<void> {
  const { blobs } = readOrigins(paths);
  const isNew = (digest: string) => !blobs[digest]?.includes(repository);
  if (!digests.some(isNew)) return;
  using _ = await lock(join(locksDir(paths), "origins"));
  const before = readOrigins(paths).blobs;
  const fresh = digests.map((digest): [string, readonly string[]] => {
    const others = (before[digest] ?? []).filter((name) => name !== repository);
    return [digest, [...others, repository].slice(-REPOSITORIES)];
  });
  const kept = Object.entries(before).filter(([digest]) => !digests.includes(digest));
  const document: Origins = { version: 1, blobs: Object.fromEntries([...kept, ...fresh].slice(-BLOBS)) };
  writeDocument(originsFile(paths), document, { durable: false });
}

function readOrigins(paths: Paths): Origins {
  try {
    return readDocument<Origins>(originsFile(paths)) ?? { version: 1, blobs: {} };
  } catch (error) {
    // Half of it may be left after a power failure.
    if ((error as { code?: string }).code !== "ERR_TSRUN_DOCUMENT_CORRUPT") throw error;
    return { version: 1, blobs: {} };
  }
}

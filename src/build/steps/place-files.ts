/** A COPY or ADD that is not in the cache; loaded by those alone who execute one. */
import { closeSync, readdirSync } from "node:fs";
import { posix } from "node:path";
import { unpackIfArchive } from "../copy/archive.ts";
import { Destination, type Owner, placeOf } from "../copy/destination.ts";
import type { ModeChange } from "../copy/mode.ts";
import type { FilesStep } from "../graph/types.ts";
import { makeWorkDirectory, type Snapshot } from "../layers.ts";
import type { Session } from "../session.ts";
import type { Opened } from "./files.ts";
import { openWritable, type Root } from "./roots.ts";
import type { Made } from "./types.ts";

const ROOT: Owner = { uid: 0, gid: 0 };

export interface Placing {
  readonly session: Session;
  readonly step: FilesStep;
  readonly below: Snapshot;
  readonly owner: Owner | undefined;
  readonly mode: ModeChange | undefined;
}

/** Copies the sources into a directory of the step's own upon the root below. */
export async function placeFiles(
  sources: readonly Opened[],
  { session, step, below, owner, mode }: Placing,
): Promise<Made> {
  const work = makeWorkDirectory(session);
  using root = openWritable(session, step.link ? { id: "", layers: [] } : below, work);
  // Whoever owns a context's files on this host, in an image they are root's.
  const ownerOfFiles = owner ?? (step.from.kind === "context" ? ROOT : undefined);
  const made = new Destination(root.fd, { owner: ownerOfFiles, mode, madeBy: owner ?? ROOT });
  try {
    for (const source of sources) await place(source, step, { root, made, owner });
    made.finish();
  } finally {
    made.close();
  }
  return { work: readdirSync(work.upper).length > 0 ? work : undefined };
}

interface Place {
  root: Root;
  made: Destination;
  owner: Owner | undefined;
}

/** Puts one source where it belongs: BuildKit's rules, which are cp(1)'s but for the content of directories. */
async function place(opened: Opened, step: FilesStep, { root, made, owner }: Place): Promise<void> {
  const wantsDirectory = step.destination.endsWith("/");
  const destination = made.resolve(placeOf(step.destination));
  if (wantsDirectory) closeSync(made.openDirectory(destination));
  const inside = (name: string): string =>
    made.isDirectory(destination) ? posix.join(destination, name) : destination;
  if (opened.kind === "heredoc") {
    made.write(inside(opened.name), opened.content);
    return;
  }
  const unpacks = step.unpack ?? (step.keyword === "ADD" && opened.kind === "path");
  for (const match of opened.matches.matches) {
    if (match.isDirectory || step.parents) closeSync(made.openDirectory(destination));
    for (const found of match.files()) {
      if (unpacks && found.path === "" && (await unpackIfArchive(found, { root, made, destination, owner })))
        continue;
      if (found.path === "" && match.isDirectory) continue;
      const name = posix.basename(match.path);
      await made.copy(found, found.path === "" ? inside(name) : posix.join(destination, found.path));
    }
  }
}

/** Roots as descriptors: what steps take files from, and what they write to. */
import { closeSync, constants, openSync } from "node:fs";
import { relative } from "node:path";
import { O_PATH } from "../../kernel/openat2.ts";
import { openOverlay } from "../../kernel/overlay.ts";
import { layersDir } from "../../store/paths.ts";
import { lowerOf, makeWorkDirectory, type Snapshot, type WorkDirectory } from "../layers.ts";
import type { Session } from "../session.ts";

export interface Root extends Disposable {
  /** O_PATH. */
  readonly fd: number;
}

/** The files of a snapshot, to be read. */
export function openSnapshot(session: Session, snapshot: Snapshot): Root {
  const { layers } = snapshot;
  const [only] = layers;
  if (layers.length === 0) return openPlain(session.directory());
  if (layers.length === 1 && only) return openPlain(only.directory());
  const { target } = makeWorkDirectory(session);
  return rootOf(
    openOverlay({
      directory: layersDir(session.paths),
      lower: lowerOf(session.paths, snapshot, target),
      target: relative(layersDir(session.paths), target),
      binds: [],
    }),
  );
}

/** The files of a snapshot with an upper directory that takes what is written. */
export function openWritable(session: Session, below: Snapshot, work: WorkDirectory): Root {
  if (below.layers.length === 0) return openPlain(work.upper);
  const path = (to: string): string => relative(layersDir(session.paths), to);
  return rootOf(
    openOverlay({
      directory: layersDir(session.paths),
      lower: lowerOf(session.paths, below, work.target),
      writable: { upper: path(work.upper), work: path(work.work) },
      target: path(work.target),
      binds: [],
    }),
  );
}

/** A directory of this host. */
export const openPlain = (directory: string): Root =>
  rootOf(openSync(directory, O_PATH | constants.O_DIRECTORY));

function rootOf(fd: number): Root {
  let isOpen = true;
  return {
    fd,
    [Symbol.dispose]() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/** --squash: one layer of what several have written, by overlayfs's own rules of how they lie upon each other. */
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { mknod, S_IFCHR } from "../kernel/files.ts";
import { overlayAttribute } from "../kernel/rootless.ts";
import { setXattr, xattrsOf } from "../kernel/xattr.ts";
import { isOpaque, isWhiteout } from "../store/pack/layer.ts";
import { statInLayers } from "../store/resolve.ts";
import { toPath } from "../store/unpack/bytes.ts";
import { Destination } from "./copy/destination.ts";
import { directoriesOf, type Layer, makeWorkDirectory, type Snapshot } from "./layers.ts";
import { makeLayer } from "./make-layer.ts";
import type { Session } from "./session.ts";
import { openPlain } from "./steps/roots.ts";

/** The snapshot with all layers above the first `kept` as one; waits for them to be the store's. */
export async function squashed(session: Session, snapshot: Snapshot, kept: number): Promise<Snapshot> {
  const own = snapshot.layers.slice(kept);
  if (own.length < 2) return snapshot;
  await Promise.all(own.map(({ stored }) => stored));
  const below = { id: "", layers: snapshot.layers.slice(0, kept) };
  const work = makeWorkDirectory(session);
  for (const layer of own) await lay(layer, { upper: work.upper, below });
  return { id: snapshot.id, layers: [...below.layers, makeLayer(session, work)] };
}

interface Merge {
  upper: string;
  below: Snapshot;
}

/** Puts one layer upon what is there. */
async function lay(layer: Layer, { upper, below }: Merge): Promise<void> {
  using to = openPlain(upper);
  const made = new Destination(to.fd, { owner: undefined, mode: undefined, madeBy: { uid: 0, gid: 0 } });
  const lower = directoriesOf(below);
  try {
    await merge({ from: layer.directory(), path: "" });
    made.finish();
  } finally {
    made.close();
  }

  async function merge({ from, path }: { from: string; path: string }): Promise<void> {
    for (const name of readdirSync(toPath(from), { encoding: "latin1" }).sort()) {
      const file = `${from}/${name}`;
      const child = path === "" ? name : `${path}/${name}`;
      const target = toPath(`${upper}/${child}`);
      const stat = lstatSync(toPath(file), { bigint: true });
      const existing = lstatSync(target, { throwIfNoEntry: false });
      const removes = isWhiteout({ stat });
      const hidesAll = stat.isDirectory() && isOpaque(xattrsOf(toPath(file)));
      if (existing && (removes || hidesAll || !(stat.isDirectory() && existing.isDirectory()))) {
        rmSync(target, { recursive: true });
      }
      const isBelow = statInLayers(lower, Buffer.from(`/${child}`, "latin1").toString()) !== undefined;
      if (removes) {
        if (isBelow) mknod(target, S_IFCHR, { major: 0, minor: 0 });
        continue;
      }
      await made.copy({ path: child, file: toPath(file), stat }, child);
      if (!stat.isDirectory()) continue;
      // One that has taken the place of something else hides what was below that.
      const replaces = existing !== undefined && !existing.isDirectory();
      if (isBelow && (hidesAll || replaces)) setXattr(target, overlayAttribute("opaque"), Buffer.from("y"));
      await merge({ from: file, path: child });
    }
  }
}

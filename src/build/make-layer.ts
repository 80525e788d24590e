/** What a step has written, made a layer of the store. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { publishLayer } from "../store/ingest.ts";
import { bootId, type LayerInfo, layerInfo, layerName, layerPath } from "../store/layers.ts";
import { lock } from "../store/locks.ts";
import { locksDir } from "../store/paths.ts";
import type { Layer, WorkDirectory } from "./layers.ts";
import type { Session } from "./session.ts";

/** Makes the upper directory a layer, beside whatever else is done with it, which must not write to it. */
export function makeLayer(session: Session, { upper, blob }: WorkDirectory): Layer {
  let directory = upper;
  const stored = storeLayer(session, { tree: upper, blob, moved: (to) => (directory = to) });
  stored.catch(() => {}); // met by those who wait for it
  return { directory: () => directory, stored };
}

async function storeLayer(
  { packer, paths, options, quiet }: Session,
  { tree, blob, moved }: { tree: string; blob: string; moved: (to: string) => void },
): Promise<string> {
  const packed = await (await packer()).pack({ tree, blob, latest: options.sourceDateEpoch });
  const { diffId } = packed;
  if (layerInfo(paths, diffId)) return diffId;
  // A step that fails meanwhile is no reason to give up what the one before it has done: that is for the cache.
  const waiting = options.signal ? { signal: options.signal } : {};
  using held = await lock(join(locksDir(paths), `layer-${layerName(diffId)}`), waiting);
  try {
    if (layerInfo(paths, diffId)) return diffId;
    const info: LayerInfo = { ...packed, mediaType: MEDIA_TYPE, boot: bootId() };
    await quiet.moment(() => {
      publishLayer(paths, { tree, blob }, info);
      moved(layerPath(paths, diffId));
    });
    return diffId;
  } finally {
    rmSync(held.path, { force: true });
  }
}

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

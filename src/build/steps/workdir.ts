/** WORKDIR: the directory is made where it is missing, for the user of that moment. */
import { closeSync } from "node:fs";
import { statInLayers } from "../../store/resolve.ts";
import { cacheKey } from "../cache/key.ts";
import { ownerNamed } from "../copy/owner.ts";
import type { WorkdirStep } from "../graph/types.ts";
import { directoriesOf, makeWorkDirectory, type Snapshot } from "../layers.ts";
import type { Prepared, Workshop } from "./types.ts";

export async function prepareWorkdir(
  { session }: Workshop,
  { path, user }: WorkdirStep,
  below: Snapshot,
): Promise<Prepared> {
  const epoch = session.options.sourceDateEpoch ?? null;
  return {
    key: cacheKey({ kind: "workdir", parent: below.id, path, user, epoch }),
    resultOf: (key) => key,
    async execute() {
      const layers = directoriesOf(below);
      if (statInLayers(layers, path)?.stats.isDirectory()) return { work: undefined };
      const owner = user === "" ? { uid: 0, gid: 0 } : ownerNamed(user, layers);
      const { Destination, placeOf } = await import("../copy/destination.ts");
      const { openWritable } = await import("./roots.ts");
      const work = makeWorkDirectory(session);
      using root = openWritable(session, below, work);
      const made = new Destination(root.fd, { owner, mode: undefined, madeBy: owner });
      closeSync(made.openDirectory(made.resolve(placeOf(path))));
      return { work };
    },
    [Symbol.dispose]() {},
  };
}

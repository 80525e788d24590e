/**
 * Mends what was found, one finding after another, each in a way that leaves things no worse where it fails or is
 * killed. No container and no volume is ever removed.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { blobPath } from "../../store/blobs.ts";
import { renewBlob } from "../../store/check/renew-blob.ts";
import { renewLayer } from "../../store/check/renew-layer.ts";
import { holdStore, knowNamed } from "../../store/images.ts";
import { type Lock, lock } from "../../store/locks.ts";
import { claimName } from "../../store/names.ts";
import { imagesFile, locksDir, type Paths } from "../../store/paths.ts";
import type { EngineContext } from "../context.ts";
import { imageUsers } from "../image-users.ts";
import { tryOwnContainer } from "../ownership.ts";
import { readRecord } from "../records.ts";
import { rebuildIndex } from "./rebuild-index.ts";
import type { Fault, Remedy } from "./report.ts";

/** How long to wait for pulls and other commands that hold the store before a layer is exchanged. */
const ALONE_TIMEOUT_MS = 10_000;

/** Tries to mend each of them and notes in it what came of it. */
export async function repair(
  context: EngineContext,
  faults: readonly Fault[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const fault of inOrder(faults)) {
    signal?.throwIfAborted();
    if (fault.remedy === undefined) continue;
    try {
      fault.repaired = await apply(context, fault.remedy, signal);
      delete fault.advice;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TsrunError) && (error as NodeJS.ErrnoException).syscall === undefined)
        throw error;
      const { message, hint } = error as Error & { hint?: string };
      fault.advice = `not repaired: ${message}${hint === undefined ? "" : `; ${hint}`}`;
    }
  }
}

/** Documents tell of blobs, and directories are made of those. */
function inOrder(faults: readonly Fault[]): Fault[] {
  const order: readonly (Remedy["type"] | undefined)[] = ["images", "name", "document", "blob", "layer"];
  const rank = ({ remedy }: Fault) =>
    order.includes(remedy?.type) ? order.indexOf(remedy?.type) : order.length;
  return [...faults].sort((a, b) => rank(a) - rank(b));
}

async function apply(
  context: EngineContext,
  remedy: Remedy,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { paths } = context;
  switch (remedy.type) {
    case "images": {
      // Kept: somebody may be able to read more out of it.
      const kept = `${imagesFile(paths)}.damaged-${Date.now()}`;
      using _held = await holdStore(paths, signal ? { signal } : {});
      copyFileSync(imagesFile(paths), kept);
      const count = await rebuildIndex(paths);
      return `made anew with the ${count} images whose manifests are here; what it was is in ${kept}`;
    }
    case "name":
      await knowNamed(paths, remedy.name);
      return "the image is known again";
    case "document":
      return await fetchAgain(context, remedy, signal);
    case "blob":
      return await fetchAgain(context, remedy, signal);
    case "layer":
      if (!existsSync(blobPath(paths, remedy.layer.digest))) {
        throw new TsrunError("ERR_TSRUN_STORE_UNREPAIRED", "its blob is not here to unpack it from");
      }
      await renewLayer(paths, remedy.layer, (exchange) => whileUnused(paths, remedy.layer.diffId, exchange));
      return "unpacked again from its blob";
    case "directory":
      mkdirSync(remedy.path, { mode: remedy.mode });
      return "made again";
    case "stray":
      rmSync(remedy.path, { force: true });
      return "removed: no image was made of it";
    case "container-name":
      if (claimName(paths, remedy.name, remedy.id)) return "the name leads to the container again";
      throw new TsrunError("ERR_TSRUN_STORE_UNREPAIRED", "another container has that name", {
        hint: `rename one of them: tsrun rename ${remedy.id.slice(0, 12)} NAME`,
      });
  }
}

/** From the first of the registries by whose names the image is known that has it. */
async function fetchAgain(
  { paths, config }: EngineContext,
  remedy: Extract<Remedy, { type: "document" | "blob" }>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { refetch } = await import("../../image/refetch.ts");
  using _held = await holdStore(paths, signal ? { signal } : {});
  let failure: unknown = new TsrunError("ERR_TSRUN_STORE_UNREPAIRED", "the image has no name to fetch it by");
  // Names by digest first: those are a registry's.
  const names = [...remedy.names].sort((a, b) => Number(b.includes("@")) - Number(a.includes("@")));
  for (const name of names) {
    try {
      const part =
        remedy.type === "document"
          ? remedy
          : ({
              role: "layer",
              descriptor: { ...remedy.layer, size: remedy.layer.compressedSize },
            } as const);
      const digest = remedy.type === "document" ? remedy.digest : remedy.layer.digest;
      await refetch(name, part, { config, signal, take: (bytes) => renewBlob(paths, digest, bytes) });
      return `fetched again as ${name}`;
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

/**
 * Runs `exchange` while nobody can be mounting the layer: commands that make containers are kept out, and the
 * containers that are made of it are owned. Throws where one of them runs.
 */
async function whileUnused(paths: Paths, diffId: string, exchange: () => void): Promise<void> {
  using _alone = await lock(join(locksDir(paths), "store"), { timeoutMs: ALONE_TIMEOUT_MS });
  const owned: Lock[] = [];
  try {
    // Those that mount an image have its layers mounted as well.
    const users = imageUsers(paths).filter(({ layers }) => layers.includes(diffId));
    for (const id of new Set(users.map(({ containerId }) => containerId))) {
      const lockOfContainer = tryOwnContainer(paths, id);
      if (!lockOfContainer) {
        const name = readRecord(paths, id)?.name ?? id.slice(0, 12);
        throw new TsrunError("ERR_TSRUN_STORE_UNREPAIRED", `container ${name} runs on it`, {
          hint: `stop it (tsrun stop ${name}), then repair again`,
        });
      }
      owned.push(lockOfContainer);
    }
    exchange();
  } finally {
    for (const each of owned) each.release();
  }
}

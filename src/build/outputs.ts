/** What becomes of finished stages: images with names, files, archives. */
import { join } from "node:path";
import { recordEvent } from "../engine/events.ts";
import { nameForNewImage } from "../engine/new-image.ts";
import { formatPlatform } from "../image/platform.ts";
import { familiarName, parseReference } from "../image/reference.ts";
import { inlineCache, type Records } from "./cache/exported.ts";
import type { FinishedImage } from "./image.ts";
import type { Snapshot } from "./layers.ts";
import type { Session } from "./session.ts";
import type { StepCounter } from "./step-counter.ts";
import { openSnapshot } from "./steps/roots.ts";
import type { BuildOutput, BuildResult } from "./types.ts";
import { type ImageDocuments, imageDocuments, savedImage, storeImages } from "./write-image.ts";

/** A stage that was asked for: its root, and the image of it. */
export interface OutputTarget {
  readonly snapshot: Snapshot;
  readonly image: FinishedImage;
}

interface Outputs {
  targets: readonly OutputTarget[];
  /** Canonical. */
  names: readonly string[];
  counter: StepCounter;
  /** For a cache that goes with the image. */
  records: Records;
}

type Result = Omit<BuildResult, "warnings">;

const NOTHING: Result = {
  imageId: undefined,
  digest: undefined,
  mediaType: undefined,
  size: undefined,
  names: [],
};

export async function writeOutputs(session: Session, outputs: Outputs): Promise<Result> {
  const { outputs: wanted = [] } = session.options;
  const all: readonly BuildOutput[] =
    wanted.length > 0 ? wanted : [{ type: "image", names: [], push: false }];
  let result = NOTHING;
  for (const output of all) {
    const step = outputs.counter.internal(titleOf(output));
    await session.during(step, async () => {
      if (output.type === "image") result = await writeImage(session, { ...outputs, output, step });
      else if (output.type === "local") await writeFiles(session, outputs.targets, output.directory);
      else await writeArchive(session, outputs, output);
    });
  }
  return result;
}

function titleOf({ type }: BuildOutput): string {
  if (type === "image") return "exporting to image";
  if (type === "local") return "exporting to client directory";
  return type === "tar" ? "exporting to client tarball" : `exporting to ${type} image format`;
}

function documentsOf(
  { paths, options }: Session,
  { targets, records }: Pick<Outputs, "targets" | "records">,
): Promise<ImageDocuments[]> {
  const extra = inlineCache(options, records);
  return Promise.all(targets.map(({ image }) => imageDocuments(paths, image, { ...options, extra })));
}

async function writeImage(
  session: Session,
  {
    targets,
    records,
    names: tags,
    output,
    step,
  }: Outputs & { output: Extract<BuildOutput, { type: "image" }>; step: number },
): Promise<Result> {
  const names = output.names.length > 0 ? output.names.map(nameForNewImage) : tags;
  const stored = await storeImages(session.paths, await documentsOf(session, { targets, records }), names);
  for (const name of names) {
    const attributes = { name: familiarName(parseReference(name)) };
    recordEvent(session.context, { type: "image", action: "tag", id: stored.imageId ?? "", attributes });
  }
  if (output.push) {
    const { pushImage } = await import("../engine/push-image.ts");
    for (const name of names) await pushImage(session.context, name, { signal: session.signal });
  }
  for (const id of [`writing image ${stored.imageId ?? ""}`, ...names.map((name) => `naming to ${name}`)])
    session.emit({ type: "progress", step, id, current: 0, done: true });
  return stored;
}

/** Of several platforms each has a directory of its own. */
async function writeFiles(
  session: Session,
  targets: readonly OutputTarget[],
  directory: string,
): Promise<void> {
  const { exportToDirectory } = await import("./output/export-root.ts");
  for (const { snapshot, image } of targets) {
    using root = openSnapshot(session, snapshot);
    const own =
      targets.length > 1 ? join(directory, formatPlatform(image.platform).replaceAll("/", "_")) : directory;
    await exportToDirectory(root.fd, own, { signal: session.signal });
  }
}

async function writeArchive(
  session: Session,
  { targets, names: tags, records }: Outputs,
  { type, to, names }: Extract<BuildOutput, { type: "tar" | "oci" | "docker" }>,
): Promise<void> {
  const { exportToArchive, sendTo } = await import("./output/export-root.ts");
  const [first] = targets;
  if (type === "tar" && first) {
    using root = openSnapshot(session, first.snapshot);
    await exportToArchive(root.fd, to, { signal: session.signal });
    return;
  }
  const { imageArchive } = await import("../image/archive/write.ts");
  const named = names.length > 0 ? names.map(nameForNewImage) : tags;
  const saved = (await documentsOf(session, { targets, records })).map((documents) =>
    savedImage(documents, named),
  );
  await sendTo(to, imageArchive(session.paths, saved, session.signal));
}

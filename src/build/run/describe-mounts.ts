/** RUN --mount: what each is to the cache. */
import { posix } from "node:path";
import { digestMatches } from "../copy/digest.ts";
import { findSources } from "../copy/sources.ts";
import { ignoreMatcher } from "../dockerfile/index.ts";
import { BuildError } from "../errors.ts";
import type { RunStep, StepMount } from "../graph/types.ts";
import { openPlain } from "../steps/roots.ts";
import type { Workshop } from "../steps/types.ts";

/** What decides about the result. A cache's content does not, nor what is secret. */
export function describeMounts(workshop: Workshop, step: RunStep): Promise<unknown[]> {
  return Promise.all(
    step.mounts.map(async (mount) => {
      const { type, target, source = "", readOnly, id, sharing, env } = mount;
      const { uid, gid, mode, size, required } = mount;
      const content = type === "bind" ? await contentOf(workshop, mount, step) : undefined;
      const rights = { uid, gid, mode, size, required };
      return { type, target, source, readOnly, id, sharing, env, content, ...rights };
    }),
  );
}

async function contentOf(
  workshop: Workshop,
  { files, source = "" }: StepMount,
  { range }: RunStep,
): Promise<string> {
  if (files === undefined) return "";
  if (files.kind !== "context") return (await workshop.snapshotOf(files)).id;
  const { files: context, digests } = await workshop.context(files.name);
  using root = openPlain(context.directory);
  const ignored = context.ignoreFile && ignoreMatcher(context.ignoreFile.text, context.ignoreFile.name);
  try {
    const place = { fd: root.fd, ignored, ownedByRoot: true };
    using found = findSources(place, posix.join("/", source), { exclude: [], parents: false });
    return digestMatches(found.matches, place, digests);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    throw new BuildError(`failed to compute cache key: ${JSON.stringify(source)}: not found`, {
      range,
      cause: error,
    });
  } finally {
    digests.save();
  }
}

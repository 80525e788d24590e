/** The tags that a registry has of a repository. */
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { isEmbedded } from "./embedded.ts";
import { familiarRepository, parseReference } from "./reference.ts";
import type { RetryPolicy } from "./retry.ts";

/** @throws TsrunError ERR_TSRUN_MANIFEST_NOT_FOUND where the repository has none, and those of a pull */
export async function tagsOf(
  config: Config,
  repository: string,
  options: { signal?: AbortSignal; policy?: RetryPolicy } = {},
): Promise<string[]> {
  const ref = parseReference(repository);
  if (isEmbedded(ref)) return ["latest"];
  const { openRegistry } = await import("./registry.ts");
  using source = await openRegistry(ref, { config, ...options });
  const tags = await source.tags();
  if (tags.length > 0) return tags;
  throw new TsrunError("ERR_TSRUN_MANIFEST_NOT_FOUND", `repository ${familiarRepository(ref)} has no tags`, {
    hint: "an image without a tag is pulled by its digest: NAME@sha256:…",
  });
}

/** What the commands of `build` call, loaded by them alone. */
import type { BuildCheck, BuildTarget, CheckedOptions } from "../build/check.ts";
import type { BuildCacheItem, PruneCacheOptions, PrunedCache } from "../build/prune.ts";
import type { BuildOptions, BuildResult } from "../build/types.ts";
import type { Engine } from "../engine/engine.ts";
import type { Context } from "./command.ts";

export async function checkBuild(context: Context, options: CheckedOptions): Promise<BuildCheck> {
  const { checkBuild } = await import("../build/check.ts");
  return checkBuild({ paths: context.paths(), config: context.config() }, options);
}

export async function buildTargets(context: Context, options: CheckedOptions): Promise<BuildTarget[]> {
  const { buildTargets } = await import("../build/check.ts");
  return buildTargets({ paths: context.paths(), config: context.config() }, options);
}

export async function listCache(context: Context): Promise<BuildCacheItem[]> {
  const { listBuildCache } = await import("../build/prune.ts");
  return listBuildCache((await context.engine()) as Engine);
}

export async function pruneCache(context: Context, options: PruneCacheOptions): Promise<PrunedCache> {
  const { pruneBuildCache } = await import("../build/prune.ts");
  return pruneBuildCache((await context.engine()) as Engine, options);
}

export async function runBuild(context: Context, options: BuildOptions): Promise<BuildResult> {
  const { build } = await import("../build/build.ts");
  return build((await context.engine()) as Engine, options);
}

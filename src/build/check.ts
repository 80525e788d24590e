/** `build --check`: what is to be said of a Dockerfile, without a build. */
import { type Host, openContext } from "./context/context.ts";
import type { TextFile } from "./context/dockerfile-file.ts";
import { checkText, type DockerfileError, ignoreMatcher } from "./dockerfile/index.ts";
import type { DockerfileWarning } from "./dockerfile/types.ts";
import type { BuildOptions } from "./types.ts";

export type CheckedOptions = Pick<
  BuildOptions,
  "context" | "dockerfile" | "buildArgs" | "target" | "platforms" | "signal"
>;

export interface BuildCheck {
  readonly file: TextFile;
  /** By line. */
  readonly warnings: readonly DockerfileWarning[];
  /** What a build would fail with before its first step. */
  readonly error: DockerfileError | undefined;
}

/** Throws what opening a context throws. */
export async function checkBuild(host: Host, options: CheckedOptions): Promise<BuildCheck> {
  const { buildArgs, target, platforms, signal, dockerfile } = options;
  await using context = await openContext(host, options.context, {
    signal,
    ...(dockerfile && { dockerfile }),
  });
  const { dockerfile: file, ignoreFile } = context;
  const { warnings, error } = checkText(file.text, file.name, {
    ...(buildArgs && { buildArgs }),
    ...(target !== undefined && { target }),
    ...(platforms?.[0] !== undefined && { platform: platforms[0] }),
    ...(ignoreFile && { ignore: ignoreMatcher(ignoreFile.text, ignoreFile.name) }),
  });
  return { file, warnings, error };
}

export interface BuildTarget {
  /** The stage's name, or its number where it has none. */
  readonly name: string;
  readonly isDefault: boolean;
  readonly base: string;
  /** The comment above its FROM: "# build compiles everything" → "compiles everything". */
  readonly description: string;
}

/** The stages of a Dockerfile. Throws what opening a context throws, and DockerfileError. */
export async function buildTargets(host: Host, options: CheckedOptions): Promise<BuildTarget[]> {
  const { readDockerfile } = await import("./dockerfile/index.ts");
  const { signal, dockerfile } = options;
  await using context = await openContext(host, options.context, {
    signal,
    ...(dockerfile && { dockerfile }),
  });
  const { stages, parsed } = readDockerfile(context.dockerfile.text, context.dockerfile.name);
  const froms = parsed.instructions.filter(({ keyword }) => keyword === "FROM");
  return stages.map(({ name, index, base }) => ({
    name: name ?? String(index),
    isDefault: index === stages.length - 1,
    base,
    description: describe(name, froms[index]?.comments ?? []),
  }));
}

/** Docker takes the line that begins with the stage's name. */
function describe(name: string | undefined, comments: readonly string[]): string {
  if (name === undefined) return "";
  const line = comments
    .map((comment) => comment.trim())
    .find((comment) => comment.toLowerCase().startsWith(`${name} `));
  return line?.slice(name.length + 1).trim() ?? "";
}

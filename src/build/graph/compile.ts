/**
 * From a Dockerfile to stages: bases are looked up, variables replaced, instructions that write nothing carried out. It
 * begins at the target, so what that does not need is not even looked at.
 */

import { DEFAULT_PATH } from "../../engine/env.ts";
import { TsrunError } from "../../errors.ts";
import { hostPlatform, type Platform, parsePlatform } from "../../image/platform.ts";
import { expandWord } from "../dockerfile/index.ts";
import { didYouMean, nearestOf } from "../dockerfile/suggest.ts";
import type { Dockerfile, Range, Stage as WrittenStage } from "../dockerfile/types.ts";
import { atStep, brokenInstruction } from "../errors.ts";
import { globalVariables, type Variables } from "./arguments.ts";
import { compileCommands, type StageDraft, stepName } from "./commands.ts";
import type { Base, BaseImage, FilesFrom, Stage } from "./types.ts";

export interface CompileRequest {
  readonly target: string | undefined;
  readonly platform: Platform;
  /** Whether the steps' names say for which platform they are. */
  readonly showPlatform: boolean;
  readonly buildArgs: Variables;
  readonly noCache: boolean | readonly string[];
  /** Names of contexts that stand in for images and stages: what each is, undefined where there is none. */
  namedContext(name: string): { kind: "image"; reference: string } | { kind: "context" } | undefined;
  loadImage(reference: string, platform: Platform): Promise<BaseImage>;
  allows(entitlement: "security.insecure" | "network.host"): boolean;
  /** RUN has other users than the host's, so that none can have the host's privileges or network. */
  readonly hasOwnUsers: boolean;
  /** The number of the next step. */
  announce(): number;
}

/** What needs nothing of a stage that is compiled already. */
export interface Compilation {
  readonly dockerfile: Dockerfile;
  readonly request: CompileRequest;
  readonly globals: Variables;
  /** Where a stage or image that an instruction names is to be found. */
  filesFrom(name: string, place: { range: Range; before: number; platform: Platform }): Promise<FilesFrom>;
}

/** The target with all that it needs. Throws DockerfileError, BuildError, and what bringing an image throws. */
export async function compile(dockerfile: Dockerfile, request: CompileRequest): Promise<Stage> {
  const written = targetStage(dockerfile, request.target);
  const stages = new Map<number, Promise<Stage>>();
  const compilation: Compilation = {
    dockerfile,
    request,
    globals: globalVariables(dockerfile.globals, {
      buildArgs: request.buildArgs,
      target: request.target,
      platform: request.platform,
      host: hostPlatform(),
      token: dockerfile.parsed.escape,
    }),
    async filesFrom(name, { range, before, platform }) {
      const named = request.namedContext(name);
      if (named?.kind === "context") return { kind: "context", name };
      if (named) return { kind: "image", image: await request.loadImage(named.reference, platform) };
      const stage = findStage(dockerfile, name, before);
      if (stage) return { kind: "stage", stage: await once(stage) };
      if (/^\d+$/.test(name)) throw brokenInstruction({ range }, `invalid stage index ${name}`);
      const image = await request.loadImage(name, platform).catch((error: unknown) => {
        throw misspelt(error, { name, dockerfile, range });
      });
      return { kind: "image", image };
    },
  };
  const once = (stage: WrittenStage): Promise<Stage> => {
    const known = stages.get(stage.index);
    if (known) return known;
    const compiled = compileStage(compilation, stage, once);
    stages.set(stage.index, compiled);
    return compiled;
  };
  return once(written);
}

async function compileStage(
  compilation: Compilation,
  written: WrittenStage,
  compiled: (stage: WrittenStage) => Promise<Stage>,
): Promise<Stage> {
  const { dockerfile, request, globals } = compilation;
  const { index, range } = written;
  const place = { range };
  const word = (text: string): string =>
    expandWord(text, (key) => globals.get(key), dockerfile.parsed.escape).text;
  const name = word(written.base);
  if (name === "") throw brokenInstruction(place, `base name (${written.base}) should not be blank`);
  const asked = written.platform === undefined ? undefined : word(written.platform);
  if (asked === "")
    throw brokenInstruction(place, `empty platform value from expression ${written.platform}`);
  const platform = asked === undefined ? request.platform : parsePlatform(asked);
  // Those that stand above are announced above.
  for (const other of namedStages(dockerfile, written)) await compiled(other);
  const base = await baseOf(compilation, { name, written, platform, compiled });
  const config = startingConfig(base);
  const draft: StageDraft = {
    stage: written,
    platform: base.kind === "stage" && asked === undefined ? base.stage.platform : platform,
    title: titleOf(dockerfile, written),
    total: (base.kind === "image" ? 1 : 0) + countSteps(written),
    index: 0,
    base,
    baseName: base.kind === "image" ? base.image.reference : name,
    config,
    author: base.kind === "image" ? base.image.author : base.kind === "stage" ? base.stage.author : "",
    hasCommand: false,
    environment: new Map([
      ...(base.kind === "stage" ? base.stage.environment : []),
      ...(config.Env ?? []).map(keyAndValue),
    ]),
    declared: new Map(base.kind === "stage" ? base.stage.declared : []),
    steps: [],
    history: startingHistory(base),
    ignoresCache: ignoresCache(request.noCache, written),
    fromStep: undefined,
  };
  await compileCommands(compilation, draft);
  return {
    name: written.name,
    index,
    platform: draft.platform,
    base,
    fromStep: draft.fromStep,
    fromName: stepName(draft, "", request.showPlatform, 1),
    steps: draft.steps,
    config: draft.config,
    environment: draft.environment,
    declared: draft.declared,
    author: draft.author,
    history: draft.history,
  };
}

/** The stages that a stage's own instructions take files from. */
function namedStages(dockerfile: Dockerfile, { commands, index }: WrittenStage): WrittenStage[] {
  const names = commands.flatMap((command) => {
    if (command.keyword === "COPY") return command.from ?? [];
    return command.keyword === "RUN" ? command.mounts.flatMap(({ from }) => from ?? []) : [];
  });
  return names.flatMap((name) => findStage(dockerfile, name, index) ?? []);
}

async function baseOf(
  { dockerfile, request }: Compilation,
  {
    name,
    written,
    platform,
    compiled,
  }: {
    name: string;
    written: WrittenStage;
    platform: Platform;
    compiled: (stage: WrittenStage) => Promise<Stage>;
  },
): Promise<Base> {
  const named = request.namedContext(name) ?? (written.name ? request.namedContext(written.name) : undefined);
  if (named?.kind === "image")
    return { kind: "image", image: await request.loadImage(named.reference, platform) };
  if (named) {
    throw brokenInstruction(
      written,
      `the build context ${name} is no image, so no stage can begin with it`,
      "copy from it with COPY --from, or give it as docker-image://REFERENCE",
    );
  }
  const former = findStage(dockerfile, name, written.index, { numbers: false });
  if (former) return { kind: "stage", stage: await compiled(former) };
  if (name === "scratch") return { kind: "scratch" };
  const image = await request.loadImage(name, platform).catch((error: unknown) => {
    throw misspelt(error, { name, dockerfile, range: written.range });
  });
  return { kind: "image", image };
}

/** An image that cannot be had, at its line; it may be a stage whose name was misspelt. */
function misspelt(
  error: unknown,
  { name, dockerfile, range }: { name: string; dockerfile: Dockerfile; range: Range },
): unknown {
  const stages = dockerfile.stages.flatMap((stage) => stage.name ?? []);
  const meant = nearestOf(name, stages);
  const hint = meant === undefined ? undefined : `there is a stage ${meant}`;
  return atStep(error, range, hint);
}

/** Stages are known by name in any case, and by number, once they stand above. */
function findStage(
  { stages }: Dockerfile,
  name: string,
  before: number,
  { numbers = true } = {},
): WrittenStage | undefined {
  const above = stages.slice(0, before);
  const wanted = name.toLowerCase();
  const byName = above.findLast((stage) => stage.name?.toLowerCase() === wanted);
  return byName ?? (numbers && /^\d+$/.test(name) ? above[Number(name)] : undefined);
}

function targetStage(dockerfile: Dockerfile, target: string | undefined): WrittenStage {
  const { stages } = dockerfile;
  const found =
    target === undefined || target === "" ? stages.at(-1) : findStage(dockerfile, target, stages.length);
  if (found) return found;
  const known = stages.flatMap(({ name }) => name ?? []);
  throw new TsrunError(
    "ERR_TSRUN_BUILD_TARGET_NOT_FOUND",
    `target stage "${target}" could not be found${didYouMean(target ?? "", known)}`,
    {
      exitCode: 1,
      hint: known.length > 0 ? `the stages are ${known.join(", ")}` : "name a stage with FROM … AS NAME",
    },
  );
}

function startingConfig(base: Base): Stage["config"] {
  const path = `PATH=${DEFAULT_PATH}`;
  if (base.kind === "scratch") return { Env: [path], WorkingDir: "/" };
  const config = structuredClone(base.kind === "image" ? base.image.config : base.stage.config);
  if (!config.Env?.some((entry) => entry.startsWith("PATH="))) config.Env = [...(config.Env ?? []), path];
  return config;
}

function startingHistory(base: Base): Stage["history"][number][] {
  if (base.kind === "stage") return [...base.stage.history];
  return base.kind === "scratch" ? [] : base.image.history.map((entry) => ({ kind: "base", entry }));
}

const countSteps = ({ commands }: WrittenStage): number =>
  commands.filter(({ keyword }) => ["RUN", "COPY", "ADD", "WORKDIR"].includes(keyword)).length;

const titleOf = ({ stages }: Dockerfile, { name, index }: WrittenStage): string =>
  name ?? (stages.length > 1 ? `stage-${index}` : "");

function ignoresCache(noCache: CompileRequest["noCache"], { name, index }: WrittenStage): boolean {
  if (typeof noCache === "boolean") return noCache;
  return noCache.some(
    (wanted) => wanted.toLowerCase() === name?.toLowerCase() || wanted === `stage-${index}`,
  );
}

export function keyAndValue(entry: string): [string, string] {
  const end = entry.indexOf("=");
  return end < 0 ? [entry, ""] : [entry.slice(0, end), entry.slice(end + 1)];
}

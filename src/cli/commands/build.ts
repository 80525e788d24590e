import { rmSync } from "node:fs";
import type { BuildOptions, BuildResult } from "../../build/types.ts";
import { openShell, requireSomebody } from "../build-failure.ts";
import { buildFlags } from "../build-flags.ts";
import { type BuildInput, buildInput } from "../build-input.ts";
import { type BuildFlags, buildOptions } from "../build-options.ts";
import { buildDisplay, interruptibleDisplay, type ProgressMode, progressMode } from "../build-progress.ts";
import { buildTargets, checkBuild, runBuild } from "../builder.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { interruptible } from "../interruptible.ts";

export default command({
  summary: "Build an image from a Dockerfile",
  usage: "[OPTIONS] PATH | URL | -",
  forms: ["builder build", "image build", "build"],
  examples: [
    "tsrun build -t app .",
    "tsrun build -t app:1.2 -t app:latest -f docker/app.Dockerfile --build-arg VERSION=1.2 .",
    "tsrun build --target test --progress plain .  # one stage of it, with all its output",
    "tsrun build -o out --target artifacts .  # the files of a stage, into a directory",
    "tsrun build --secret id=npmrc,src=$HOME/.npmrc -t web .  # RUN --mount=type=secret,id=npmrc …",
    "tsrun build -t app https://github.com/owner/app.git#main:docker",
    "tsrun build -t tool - < Dockerfile  # without files",
    "tsrun build --check .  # what is wrong with it, without building",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: buildFlags,
  run,
});

async function run(
  { options: flags, positionals: [path = ""] }: Arguments<typeof buildFlags>,
  context: Context,
): Promise<number> {
  const mode = progressMode(flags, context);
  const options = buildOptions(flags, context);
  const call = flags.check ? "check" : (flags.call ?? "build");
  // What fails leaves none of another build.
  if (flags.iidfile !== undefined) rmSync(flags.iidfile, { force: true });
  const input = await buildInput({ path, file: flags.file }, context);
  if (call !== "build") return await answer(call, { ...options, ...given(input) }, context);
  if (flags["on-error"] !== undefined) requireSomebody(context);
  const display = interruptibleDisplay(await buildDisplay(mode, context));
  try {
    const result = await interruptible((signal) =>
      runBuild(context, {
        ...options,
        ...given(input),
        onEvent: display.event,
        ...(flags["on-error"] !== undefined && {
          onFailure: (failed) => display.without(() => openShell(failed, context)),
        }),
        signal,
      }),
    );
    display.end();
    await tell(result, { flags, mode, context });
    return 0;
  } catch (error) {
    display.end();
    await showPlace(error, context);
    throw error;
  }
}

const given = ({ context, dockerfile }: BuildInput): Pick<BuildOptions, "context" | "dockerfile"> => ({
  context,
  ...(dockerfile !== undefined && { dockerfile }),
});

/** --call: something else than a build is wanted. */
async function answer(call: string, options: BuildOptions, context: Context): Promise<number> {
  if (call === "targets") {
    const { targetList } = await import("../render/build/targets.ts");
    context.out(targetList(await interruptible((signal) => buildTargets(context, { ...options, signal }))));
    return 0;
  }
  const checked = await interruptible((signal) => checkBuild(context, { ...options, signal }));
  const { checkReport } = await import("../render/build/warnings.ts");
  context.out(checkReport(checked));
  return checked.warnings.length > 0 || checked.error !== undefined ? 1 : 0;
}

/** What is left for the user besides the image. */
async function tell(
  result: BuildResult,
  { flags, mode, context }: { flags: BuildFlags; mode: ProgressMode; context: Context },
): Promise<void> {
  const { imageId, digest } = result;
  if (mode === "plain" || mode === "tty") {
    const { warningSummary } = await import("../render/build/warnings.ts");
    context.err(warningSummary(result.warnings));
  }
  if (flags["metadata-file"] !== undefined) {
    const { buildMetadata } = await import("../../build/output/metadata.ts");
    await writeWhole(flags["metadata-file"], buildMetadata(result));
  }
  if (flags.iidfile !== undefined) await writeWhole(flags.iidfile, imageId ?? digest ?? "");
  if (mode === "quiet" && imageId !== undefined) context.out(`${imageId}\n`);
}

async function writeWhole(path: string, content: string): Promise<void> {
  const { writeFile } = await import("../../build/output/write-file.ts");
  await writeFile(path, content);
}

/** The lines of the Dockerfile that an error speaks of. */
async function showPlace(error: unknown, context: Context): Promise<void> {
  const { placeOfError } = await import("../../build/located.ts");
  const place = placeOfError(error);
  if (place === undefined) return;
  const { placeText } = await import("../render/build/warnings.ts");
  context.err(placeText(place));
}

import { TsrunError } from "../../errors.ts";
import { canonicalName, parseReference } from "../../image/reference.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { flag, value } from "../option-table.ts";
import { createPushProgress } from "../push-progress.ts";

const options = {
  "all-tags": flag("Push all tags of an image to the repository", { short: "a" }),
  "disable-content-trust": flag("Skip image signing", { default: true }),
  platform: value(
    "Push a platform-specific manifest as a single-platform image to the registry. Image index won't be pushed, meaning that other manifests, including attestations won't be preserved. 'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
  ),
  quiet: flag("Suppress verbose output", { short: "q" }),
};

export default command({
  summary: "Upload an image to a registry",
  usage: "[OPTIONS] NAME[:TAG]",
  forms: ["image push", "push"],
  examples: [
    "tsrun push ghcr.io/owner/app:1.2",
    "tsrun push -a localhost:5000/app  # all its tags",
    "tsrun push --platform linux/arm64 ghcr.io/owner/app  # one image of an index",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(args: Arguments<typeof options>, context: Context): Promise<number> {
  const { "all-tags": allTags, "disable-content-trust": unsigned, platform, quiet } = args.options;
  const [name = ""] = args.positionals;
  if (!unsigned) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_UNSUPPORTED",
      "--disable-content-trust=false is not supported: tsrun does not sign images",
      { hint: "sign what was pushed by its digest, with cosign or notation" },
    );
  }
  const reference = parseReference(name);
  const isTagged = /@|:[^/]+$/.test(name);
  if (allTags && isTagged)
    throw new TsrunError("ERR_TSRUN_USAGE", "tag can't be used with --all-tags/-a", { exitCode: 1 });
  if (!allTags && !isTagged && !quiet) context.out(`Using default tag: ${reference.tag}\n`);

  const engine = await context.engine();
  const progress = quiet ? undefined : createPushProgress(context);
  try {
    const pushed = await interruptible((signal) =>
      engine.images.push(name, {
        allTags,
        signal,
        ...(platform !== undefined && { platform }),
        ...(progress !== undefined && { onProgress: progress.event }),
      }),
    );
    if (quiet) {
      for (const image of pushed) context.out(`${canonicalName(parseReference(image.reference))}\n`);
    }
  } finally {
    progress?.end();
  }
  progress?.conclude();
  return 0;
}

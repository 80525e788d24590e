import type { PullEvent } from "../../engine/api.ts";
import { TsrunError } from "../../errors.ts";
import { canonicalName, parseReference, repositoryOf } from "../../image/reference.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { flag, refused, value } from "../option-table.ts";
import { doneLines, progressTo, pullingLine } from "../pull-progress.ts";
import type { Progress } from "../render/progress.ts";

const options = {
  platform: value("Set platform if server is multi-platform capable"),
  quiet: flag("Suppress verbose output", { short: "q" }),
  "all-tags": flag("Download all tagged images in the repository", { short: "a" }),
  "disable-content-trust": refused("images are verified by their digests, always"),
};

export default command({
  summary: "Download an image from a registry",
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  forms: ["image pull", "pull"],
  examples: [
    "tsrun pull alpine",
    "tsrun pull ghcr.io/owner/app:1.2  # from another registry",
    "tsrun pull --platform linux/arm64 alpine",
    "tsrun pull alpine@sha256:c5b1261d6d3e43071626931fc004f70149baeba2c8ec672bd4f27761f8e1ad6b  # this one, for ever",
    "tsrun pull -a localhost:5000/app  # all its tags",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: { "all-tags": allTags, platform, quiet }, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const [name = ""] = positionals;
  const reference = parseReference(name);
  const isTagged = /[@]|:[^/]+$/.test(name);
  if (allTags && isTagged) {
    throw new TsrunError("ERR_TSRUN_USAGE", "tag can't be used with --all-tags/-a", { exitCode: 1 });
  }
  if (!isTagged && !quiet && !allTags) context.out(`Using default tag: ${reference.tag}\n`);

  const engine = await context.engine();
  const names = allTags ? (await engine.registries.tags(name)).map((tag) => `${name}:${tag}`) : [name];
  for (const each of names) await pullOne(each, { platform, quiet }, context);
  context.out(`${allTags ? repositoryOf(reference) : canonicalName(reference)}\n`);
  return 0;
}

async function pullOne(
  name: string,
  { platform, quiet }: { platform: string | undefined; quiet: boolean },
  context: Context,
): Promise<void> {
  const engine = await context.engine();
  const progress = quiet ? undefined : progressTo(context, 1, context.out);
  try {
    await engine.images.pull(name, {
      ...(platform !== undefined && { platform }),
      ...(progress !== undefined && { onProgress: (event) => show(event, progress, context) }),
    });
  } finally {
    progress?.end();
  }
}

function show(event: PullEvent, progress: Progress, context: Context): void {
  if (event.type === "start") context.out(`${pullingLine(event)}\n`);
  progress.event(event);
  if (event.type !== "done") return;
  progress.end();
  context.out(`${doneLines(event).join("\n")}\n`);
}

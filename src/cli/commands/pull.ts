import type { PullEvent } from "../../engine/api.ts";
import { canonicalName, parseReference } from "../../image/reference.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { flag, refused, value } from "../option-table.ts";
import { doneLines, progressTo, pullingLine } from "../pull-progress.ts";
import type { Progress } from "../render/progress.ts";

const options = {
  platform: value("Set platform if server is multi-platform capable"),
  quiet: flag("Suppress verbose output", { short: "q" }),
  "all-tags": refused("pull the tags one by one", "a"),
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
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: { platform, quiet }, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const [name = ""] = positionals;
  const reference = parseReference(name);
  const isTagged = /[@]|:[^/]+$/.test(name);
  if (!isTagged && !quiet) context.out(`Using default tag: ${reference.tag}\n`);

  const engine = await context.engine();
  const progress = quiet ? undefined : progressTo(context, 1, context.out);
  try {
    await engine.pull(name, {
      ...(platform !== undefined && { platform }),
      ...(progress !== undefined && { onProgress: (event) => show(event, progress, context) }),
    });
  } finally {
    progress?.end();
  }
  context.out(`${canonicalName(reference)}\n`);
  return 0;
}

function show(event: PullEvent, progress: Progress, context: Context): void {
  if (event.type === "start") context.out(`${pullingLine(event)}\n`);
  progress.event(event);
  if (event.type !== "done") return;
  progress.end();
  context.out(`${doneLines(event).join("\n")}\n`);
}

import type { LoadedImage, PullEvent } from "../../engine/api.ts";
import { TsrunError } from "../../errors.ts";
import { type Context, command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { flag, value } from "../option-table.ts";
import { progressTo } from "../pull-progress.ts";
import { STDOUT } from "../write.ts";

const STDIN = 0;

export default command({
  summary: "Load an image from a tar archive or STDIN",
  usage: "[OPTIONS]",
  forms: ["image load", "load"],
  examples: [
    "tsrun load -i images.tar.gz",
    "tsrun load < web.tar  # from docker save, podman save or skopeo copy",
    "tsrun load -i layout/  # a directory with an OCI layout",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    input: value("Read from tar archive file, or from the directory of an OCI layout, instead of STDIN", {
      short: "i",
    }),
    platform: value('Load only the given platform variant, "os[/arch[/variant]]"'),
    quiet: flag("Suppress the load output", { short: "q" }),
  },
  async run({ options: { input, platform, quiet } }, context) {
    if (input === undefined && context.terminal.isTerminal(STDIN)) {
      throw new TsrunError("ERR_TSRUN_TERMINAL_INPUT", "requested load from stdin, but stdin is empty", {
        hint: "name an archive with -i, or send one: docker save IMAGE | tsrun load",
      });
    }
    const engine = await context.engine();
    const progress = quiet ? undefined : terminalProgress(context);
    const source = input === undefined ? context.terminal.input() : { path: input };
    try {
      const images = await interruptible((signal) =>
        engine.images.load(source, {
          ...(platform !== undefined && { platform }),
          ...(progress !== undefined && { onProgress: progress.event }),
          signal,
        }),
      );
      progress?.end();
      context.out(images.map(lines).join(""));
    } finally {
      progress?.end();
    }
    return 0;
  },
});

/** Docker shows how far it is on a terminal only. */
function terminalProgress(context: Context): { event(event: PullEvent): void; end(): void } | undefined {
  if (!context.terminal.isTerminal(STDOUT)) return undefined;
  const progress = progressTo(context, STDOUT, context.out);
  return { event: (event) => progress.event(event), end: () => progress.end() };
}

function lines({ id, names, displaced }: LoadedImage): string {
  const renamed = displaced.map(
    (old) => `The image ${old.name} already exists, renaming the old one with ID ${old.id} to empty string\n`,
  );
  const loaded = names.map((name) => `Loaded image: ${name}\n`);
  return [...renamed, ...(loaded.length > 0 ? loaded : [`Loaded image ID: ${id}\n`])].join("");
}

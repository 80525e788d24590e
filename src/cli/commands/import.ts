import { TsrunError } from "../../errors.ts";
import { type Context, command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { list, value } from "../option-table.ts";

export default command({
  summary: "Import the contents from a tarball to create a filesystem image",
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  forms: ["image import", "import"],
  examples: [
    "tsrun import rootfs.tar.gz mine:1",
    "tsrun import - web:flat < web.tar",
    `tsrun import -c 'CMD ["/bin/sh"]' -m "from scratch" https://example.org/rootfs.tar.gz mine:2`,
  ],
  arguments: { min: 1, max: 2 },
  interspersed: true,
  options: {
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: value("Set commit message for imported image", { short: "m" }),
    platform: value("Set platform if server is multi-platform capable"),
  },
  async run({ options, positionals: [source = "", reference] }, context) {
    const { change, message, platform } = options;
    const engine = await context.engine();
    const { id } = await interruptible(async (signal) =>
      engine.images.import(await open(source, context), {
        ...(reference !== undefined && { reference }),
        ...(message !== undefined && { message }),
        ...(platform !== undefined && { platform }),
        changes: change,
        signal,
      }),
    );
    context.out(`${id}\n`);
    return 0;
  },
});

async function open(
  source: string,
  { terminal }: Context,
): Promise<AsyncIterable<Uint8Array> | { url: string }> {
  if (source === "-") return terminal.input();
  if (/^https?:\/\//i.test(source)) return { url: source };
  try {
    const { openInput, readInput } = await import("../../store/input-file.ts");
    return readInput(openInput(source));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "no such file or directory" : code;
    throw new TsrunError("ERR_TSRUN_PATH_NOT_FOUND", `open ${source}: ${reason}`, {
      hint: "give a tar archive, a URL, or - for standard input",
      cause: error,
    });
  }
}

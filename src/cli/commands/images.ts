import type { EngineApi } from "../../engine/api.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { combine, parseFilter } from "../filters.ts";
import { type FilteredImage, imageMatchers, namesAsked } from "../image-filters.ts";
import { flag, list, refused, value } from "../option-table.ts";
import { imageList, imageRows } from "../render/image-row.ts";
import { renderRows } from "../render/rows.ts";

const options = {
  // Only builders leave intermediate images behind, and none is listed by default: -a has nothing to add.
  all: flag("Show all images (default hides intermediate images)", { short: "a" }),
  digests: flag("Show digests"),
  filter: list("Filter output based on conditions provided", {
    short: "f",
    metavar: "filter",
    parse: parseFilter,
  }),
  format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
  "no-trunc": flag("Don't truncate output"),
  quiet: flag("Only show image IDs", { short: "q" }),
  tree: refused("an image is kept for one platform"),
};

export default command({
  summary: "List images",
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  forms: ["image ls", "image list", "images"],
  examples: [
    "tsrun images",
    "tsrun images --filter 'reference=alpine:3*'  # by name",
    "tsrun images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
  ],
  arguments: { min: 0, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: flags, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const engine = await context.engine();
  const now = context.now();
  const needsDetails = flags.filter.some(([name]) => name === "label");
  const images = await load(engine, positionals[0], needsDetails);
  const shown = images
    .filter(combine(flags.filter, imageMatchers(images, now)))
    .map(namesAsked(flags.filter));
  const rows = shown.flatMap((image) => imageRows(image, { truncate: !flags["no-trunc"], now }));

  const format = flags.format ?? "";
  if (flags.quiet && format === "") context.out(rows.map((row) => `${row.ID}\n`).join(""));
  else context.out(renderRows(rows, format, imageList(flags.digests)));
  return 0;
}

async function load(
  engine: EngineApi,
  reference: string | undefined,
  details: boolean,
): Promise<FilteredImage[]> {
  const images = await engine.images.list(reference);
  if (!details) return images;
  return await Promise.all(
    images.map(async (image) => ({ ...image, details: await engine.images.inspect(image.id) })),
  );
}

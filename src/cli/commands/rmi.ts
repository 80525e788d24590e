import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { flag, refused } from "../option-table.ts";

export default command({
  summary: "Remove one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  forms: ["image rm", "image remove", "rmi"],
  examples: [
    "tsrun rmi alpine",
    "tsrun rmi -f alpine debian:12  # no matter whether they are there",
    "tsrun rmi $(tsrun images -q --filter dangling=true)  # all without a name",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    force: flag("Force removal of the image", { short: "f" }),
    // An image that was pulled has layers but no parent images, so there are never untagged parents to keep.
    "no-prune": flag("Do not delete untagged parents"),
    platform: refused("an image is kept for one platform"),
  },
  async run({ options: { force }, positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      try {
        const { untagged, deleted } = await engine.images.remove(name, { force });
        const lines = [
          ...untagged.map((item) => `Untagged: ${item}`),
          ...deleted.map((item) => `Deleted: ${item}`),
        ];
        return lines.length === 0 ? undefined : lines.join("\n");
      } catch (error) {
        if (!force || !isMissing(error)) throw error;
        context.report(error);
        return undefined;
      }
    });
  },
});

const isMissing = (error: unknown): boolean =>
  error instanceof TsrunError && error.code === "ERR_TSRUN_IMAGE_NOT_FOUND";

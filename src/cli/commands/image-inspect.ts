import { command } from "../command.ts";
import { formatOption, imageLookup, inspectNames } from "../inspect.ts";
import { refused } from "../option-table.ts";

export default command({
  summary: "Display detailed information on one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  forms: ["image inspect"],
  examples: [
    "tsrun image inspect alpine",
    "tsrun image inspect -f '{{json .Config.Env}}' alpine",
    "tsrun image inspect -f '{{.Architecture}} {{.Size}}' alpine debian",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: { format: formatOption, platform: refused("an image is kept for one platform") },
  async run({ options: { format = "" }, positionals }, context) {
    const find = imageLookup(await context.engine(), context);
    return await inspectNames(positionals, { context, format, find });
  },
});

import { command } from "../command.ts";
import { containerLookup, formatOption, inspectNames, sizeOption } from "../inspect.ts";

export default command({
  summary: "Display detailed information on one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container inspect"],
  examples: [
    "tsrun container inspect web",
    "tsrun container inspect -f '{{.State.Status}}' web  # one field",
    "tsrun container inspect --size web  # with the space that it uses on disk",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: { format: formatOption, size: sizeOption },
  async run({ options: { format = "", size }, positionals }, context) {
    const find = containerLookup(await context.engine(), context, size);
    return await inspectNames(positionals, { context, format, find });
  },
});

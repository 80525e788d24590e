import { command } from "../command.ts";
import { formatOption, inspectNames, volumeLookup } from "../inspect.ts";

export default command({
  summary: "Display detailed information on one or more volumes",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  forms: ["volume inspect"],
  examples: ["tsrun volume inspect data", "tsrun volume inspect -f '{{.Mountpoint}}' data  # one field"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: { format: formatOption },
  async run({ options: { format = "" }, positionals }, context) {
    const find = volumeLookup(await context.engine());
    return await inspectNames(positionals, { context, format, find });
  },
});

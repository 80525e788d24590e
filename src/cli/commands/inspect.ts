import { command } from "../command.ts";
import {
  containerLookup,
  firstOf,
  formatOption,
  imageLookup,
  inspectNames,
  networkLookup,
  sizeOption,
  volumeLookup,
} from "../inspect.ts";
import { value } from "../option-table.ts";
import { oneOf } from "../options/choices.ts";

export default command({
  summary: "Return low-level information on containers, images, networks and volumes",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  forms: ["inspect"],
  examples: [
    "tsrun inspect web alpine  # containers and images",
    "tsrun inspect -f '{{.NetworkSettings.IPAddress}}' web",
    "tsrun inspect --type image -f '{{.Id}}' alpine",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    format: formatOption,
    size: sizeOption,
    type: value("Only inspect objects of the given type (container, image, network, volume)", {
      parse: oneOf(["container", "image", "network", "volume"]),
    }),
  },
  async run({ options: { format = "", size, type }, positionals }, context) {
    const engine = await context.engine();
    const lookups = {
      container: containerLookup(engine, context, size),
      image: imageLookup(engine, context),
      network: networkLookup(engine),
      volume: volumeLookup(engine),
    };
    const find = type === undefined ? firstOf(Object.values(lookups)) : lookups[type];
    return await inspectNames(positionals, { context, format, find });
  },
});

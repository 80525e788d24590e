import { command } from "../command.ts";
import { flag } from "../option-table.ts";

export default command({
  summary: "Disconnect a container from a network",
  usage: "[OPTIONS] NETWORK CONTAINER",
  forms: ["network disconnect"],
  examples: ["tsrun network disconnect front web", "tsrun network disconnect -f front gone"],
  arguments: { min: 2, max: 2 },
  interspersed: true,
  options: { force: flag("Force the container to disconnect from a network", { short: "f" }) },
  async run({ options: { force }, positionals: [network = "", container = ""] }, context) {
    const engine = await context.engine();
    await engine.networks.disconnect(container, { network, force });
    return 0;
  },
});

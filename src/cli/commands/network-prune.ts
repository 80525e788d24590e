import { command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine } from "../filters.ts";
import { prunableNetwork } from "../network-filters.ts";
import { pruneFlags, pruneMatchers } from "../prune-filters.ts";

const WARNING = "WARNING! This will remove all custom networks not used by at least one container.";

export default command({
  summary: "Remove all unused networks",
  usage: "[OPTIONS]",
  forms: ["network prune"],
  examples: [
    "tsrun network prune",
    "tsrun network prune -f --filter until=24h  # created more than a day ago",
    "tsrun network prune -f --filter label=ci --filter label!=keep",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: pruneFlags,
  async run({ options: { filter, force } }, context) {
    const matches = combine(filter, pruneMatchers(prunableNetwork, context.now()));
    if (!force && !(await confirm(WARNING, context))) return 0;
    const engine = await context.engine();
    const names = await engine.networks.prune({ matches });
    if (names.length > 0) context.out(`Deleted Networks:\n${names.join("\n")}\n\n`);
    return 0;
  },
});

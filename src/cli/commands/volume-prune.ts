import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine, parseFilter } from "../filters.ts";
import { flag, list } from "../option-table.ts";
import { humanSize } from "../render/size.ts";
import { booleanOf, pruneMatchers } from "../volume-filters.ts";

const ANONYMOUS = "WARNING! This will remove anonymous local volumes not used by at least one container.";
const ALL = "WARNING! This will remove all local volumes not used by at least one container.";

export default command({
  summary: "Remove unused local volumes",
  usage: "[OPTIONS]",
  forms: ["volume prune"],
  examples: [
    "tsrun volume prune  # those that were made without a name",
    "tsrun volume prune -af --filter label!=keep  # all but some, without asking",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    all: flag("Remove all unused volumes, not just anonymous ones", { short: "a" }),
    filter: list('Provide filter values (e.g. "label=<label>")', { metavar: "filter", parse: parseFilter }),
    force: flag("Do not prompt for confirmation", { short: "f" }),
  },
  async run({ options: { all: wanted, filter, force } }, context) {
    const matches = combine(filter, pruneMatchers);
    const filtered = filter.flatMap(([name, value]) => (name === "all" ? [booleanOf(name, value)] : []));
    if (wanted && filtered.length > 0) {
      throw new TsrunError(
        "ERR_TSRUN_OPTION_CONFLICT",
        "conflicting options: cannot specify both --all and --filter all=1",
        { hint: "they say the same: one is enough" },
      );
    }
    const all = wanted || filtered.includes(true);
    if (!force && !(await confirm(all ? ALL : ANONYMOUS, context))) return 0;
    const engine = await context.engine();
    const { deleted, bytes } = await engine.volumes.prune({ all, matches });
    if (deleted.length > 0) context.out(`Deleted Volumes:\n${deleted.join("\n")}\n\n`);
    context.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});

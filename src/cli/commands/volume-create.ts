import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { list, refused, value } from "../option-table.ts";
import { parseLabel, toRecord } from "../options/pairs.ts";

const CLUSTER = "volumes of a cluster are a matter of its orchestrator";

export default command({
  summary: "Create a volume",
  usage: "[OPTIONS] [VOLUME]",
  forms: ["volume create"],
  examples: [
    "tsrun volume create data",
    "tsrun volume create -o type=nfs -o device=:/export -o o=addr=192.0.2.7,rw share",
    "tsrun volume create -o type=tmpfs -o device=tmpfs -o o=size=64m scratch  # in memory, while a container runs",
  ],
  arguments: { min: 0, max: 1 },
  interspersed: true,
  options: {
    driver: value('Specify volume driver name (default "local")', { short: "d" }),
    label: list("Set metadata for a volume", { parse: parseLabel }),
    name: value("Specify volume name (docker's old way)"),
    opt: list("Set driver specific options", { short: "o", metavar: "map", parse: parsePair }),
    availability: refused(CLUSTER),
    group: refused(CLUSTER),
    "limit-bytes": refused(CLUSTER),
    "required-bytes": refused(CLUSTER),
    scope: refused(CLUSTER),
    secret: refused(CLUSTER),
    sharing: refused(CLUSTER),
    "topology-preferred": refused(CLUSTER),
    "topology-required": refused(CLUSTER),
    type: refused(`${CLUSTER}; a filesystem's type is an option of the driver: -o type=…`),
  },
  async run({ options: { driver, label, name, opt }, positionals: [positional] }, context) {
    if (name !== undefined && positional !== undefined) {
      throw new TsrunError(
        "ERR_TSRUN_OPTION_CONFLICT",
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
        { hint: "say it once" },
      );
    }
    const engine = await context.engine();
    const created = await engine.volumes.create({
      name: positional ?? name ?? "",
      ...(driver && { driver }),
      options: toRecord(opt),
      labels: toRecord(label),
    });
    context.out(`${created.name}\n`);
    return 0;
  },
});

function parsePair(text: string): string {
  if (/^[^=]+=/.test(text)) return text;
  throw new Error(`must be formatted as key=value: ${text}`);
}

import type { StoreReport } from "../../engine/api.ts";
import { command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { flag, value } from "../option-table.ts";
import { progressTo } from "../pull-progress.ts";
import { checkReport } from "../render/check-report.ts";
import { renderDocuments } from "../render/documents.ts";

export default command({
  summary: "Check everything in the store against its digests, and mend it",
  usage: "[OPTIONS]",
  forms: ["system check"],
  examples: [
    "tsrun system check  # reads all of it: as fast as the disk is",
    "tsrun system check --repair  # fetches and unpacks again what is damaged",
    "tsrun system check --format json",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    format: value("Format output: 'json' or 'TEMPLATE', a Go template", { short: "f" }),
    repair: flag("Mend what can be mended, and remove what nothing needs; never a container or a volume"),
  },
  async run({ options: { format = "", repair } }, context) {
    const engine = await context.engine();
    const progress = context.terminal.isTerminal(2) ? progressTo(context, 2, context.err) : undefined;
    const report = await interruptible((signal) =>
      engine.system.check({
        repair,
        signal,
        onProgress: ({ doneBytes, totalBytes }) =>
          progress?.event({ type: "progress", receivedBytes: doneBytes, totalBytes }),
      }),
    ).finally(() => progress?.end());
    context.out(format === "" ? checkReport(report, { repair }) : renderDocuments([report], format));
    return isSound(report) ? 0 : 1;
  },
});

const isSound = ({ findings }: StoreReport): boolean =>
  findings.every(({ repaired }) => repaired !== undefined);

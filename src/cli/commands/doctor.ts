import { command } from "../command.ts";
import { value } from "../option-table.ts";
import { diagnosisReport } from "../render/diagnosis.ts";
import { renderDocuments } from "../render/documents.ts";

export default command({
  summary: "Tell what this host lacks for containers, and the command that adds it",
  usage: "[OPTIONS] [USER]",
  forms: ["doctor"],
  examples: [
    "tsrun doctor  # for who calls it: root, or an ordinary user",
    "tsrun doctor alice  # before alice's first container",
    "tsrun doctor --format json",
  ],
  arguments: { min: 0, max: 1 },
  interspersed: true,
  options: { format: value("Format output: 'json' or 'TEMPLATE', a Go template", { short: "f" }) },
  async run({ options: { format = "" }, positionals: [user] }, context) {
    const { diagnose } = await import("../../engine/doctor/doctor.ts");
    const diagnosis = diagnose(context.env, user);
    context.out(format === "" ? diagnosisReport(diagnosis) : renderDocuments([diagnosis], format));
    const findings = [...diagnosis.host, ...(diagnosis.user?.findings ?? [])];
    return findings.every(({ status }) => status === "ok") ? 0 : 1;
  },
});

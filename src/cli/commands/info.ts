import { command } from "../command.ts";
import { value } from "../option-table.ts";
import { infoDocument, infoText } from "../render/system-info.ts";
import { compile } from "../template/template.ts";
import { version } from "../version.ts";

export default command({
  summary: "Display system-wide information",
  usage: "[OPTIONS]",
  forms: ["system info", "info"],
  examples: ["tsrun info", "tsrun info -f '{{.DockerRootDir}}'  # where images and containers are"],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: { format: value("Format output: 'json' or 'TEMPLATE', a Go template", { short: "f" }) },
  async run({ options: { format = "" } }, context) {
    const info = await (await context.engine()).system.info();
    const document = infoDocument(info, version());
    if (format === "") context.out(infoText(document));
    else if (format === "json") context.out(`${JSON.stringify(document)}\n`);
    else context.out(`${compile(format).execute(document)}\n`);
    return 0;
  },
});

import { command } from "../command.ts";
import { value } from "../option-table.ts";
import { sendArchive } from "../output-file.ts";

export default command({
  summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  forms: ["image save", "save"],
  examples: [
    "tsrun save -o alpine.tar alpine:latest",
    "tsrun save alpine | gzip > alpine.tar.gz  # all tags of alpine",
    "tsrun save web:1 db:1 | ssh host docker load  # layers that they share travel once",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    output: value("Write to a file, instead of STDOUT", { short: "o" }),
    platform: value('Save only the given platform variant, "os[/arch[/variant]]"'),
  },
  async run({ options: { output, platform }, positionals }, context) {
    const engine = await context.engine();
    const only = platform === undefined ? {} : { platform };
    await sendArchive(context, output, (signal) => engine.images.save(positionals, { ...only, signal }));
    return 0;
  },
});

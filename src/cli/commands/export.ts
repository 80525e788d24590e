import { command } from "../command.ts";
import { value } from "../option-table.ts";
import { sendArchive } from "../output-file.ts";

export default command({
  summary: "Export a container's filesystem as a tar archive",
  usage: "[OPTIONS] CONTAINER",
  forms: ["container export", "export"],
  examples: [
    "tsrun export -o web.tar web",
    "tsrun export web | tar -tv  # what is in it",
    "tsrun export web | tsrun import - web:flat  # an image of one layer",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: { output: value("Write to a file, instead of STDOUT", { short: "o" }) },
  async run({ options: { output }, positionals: [container = ""] }, context) {
    const engine = await context.engine();
    await sendArchive(context, output, (signal) => engine.export(container, { signal }));
    return 0;
  },
});

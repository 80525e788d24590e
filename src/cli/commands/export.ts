import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { value } from "../option-table.ts";
import { writeWhole } from "../output-file.ts";
import { relay, STDOUT } from "../write.ts";

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
    if (output === undefined && context.terminal.isTerminal(STDOUT)) {
      throw new TsrunError(
        "ERR_TSRUN_TERMINAL_OUTPUT",
        "cowardly refusing to save to a terminal. Use the -o flag or redirect",
      );
    }
    const engine = await context.engine();
    await interruptible(async (signal) => {
      const archive = () => engine.export(container, { signal });
      if (output === undefined) await relay(await archive(), context.terminal.stdout);
      else await writeWhole(output, archive);
    });
    return 0;
  },
});

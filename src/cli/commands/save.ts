import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { value } from "../option-table.ts";
import { writeWhole } from "../output-file.ts";
import { relay, STDOUT } from "../write.ts";

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
    if (output === undefined && context.terminal.isTerminal(STDOUT)) {
      throw new TsrunError(
        "ERR_TSRUN_TERMINAL_OUTPUT",
        "cowardly refusing to save to a terminal. Use the -o flag or redirect",
      );
    }
    const engine = await context.engine();
    await interruptible(async (signal) => {
      const archive = () => engine.save(positionals, { ...(platform !== undefined && { platform }), signal });
      if (output === undefined) await relay(await archive(), context.terminal.stdout);
      else await writeWhole(output, archive);
    });
    return 0;
  },
});

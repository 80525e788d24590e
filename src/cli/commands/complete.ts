import { command } from "../command.ts";
import { NOTHING, renderCompletion } from "../completion/completion.ts";
import { createContext } from "../context.ts";
import { globalOptions } from "../global-options.ts";
import { parseArguments } from "../parse.ts";

export default command({
  summary: "Complete a command line (the shells' completion scripts call this)",
  hidden: true,
  usage: "-- [WORD...]",
  forms: ["__complete"],
  examples: ["tsrun __complete -- run --net  # the last word is the one to complete"],
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  options: {},
  async run({ positionals }, { program, env, out, now }) {
    const { complete } = await import("../completion/complete.ts");
    const { engineNames } = await import("../completion/names.ts");
    // The command line to complete may name another root than this one's.
    const engine = async () => {
      const { options } = parseArguments(positionals.slice(0, -1), globalOptions, { interspersed: false });
      return await createContext(options, program, () => {}).engine();
    };
    try {
      out(renderCompletion(await complete(positionals, { names: engineNames(engine, now), env })));
    } catch {
      // Nobody asked for anything yet: where a line cannot be completed, an error would only spoil the screen.
      out(renderCompletion(NOTHING));
    }
    return 0;
  },
});

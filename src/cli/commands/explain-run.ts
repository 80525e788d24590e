import { command } from "../command.ts";
import { runFlags } from "../container-flags.ts";
import { value } from "../option-table.ts";
import { only } from "../options/choices.ts";
import { runContainer } from "../run-container.ts";

export default command({
  summary: "Run a container and narrate every kernel step, with the proof from /proc",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  forms: ["explain run"],
  examples: [
    "tsrun explain run --rm tsrun/base true  # every kernel step, with its proof",
    "tsrun explain run --rm --memory 64m --read-only tsrun/base id",
    "tsrun explain run --rm --format json tsrun/base true  # for programs",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  failureCode: 125,
  options: {
    ...runFlags,
    format: value("How to narrate: text or json", { parse: only(["text", "json"], "other formats") }),
  },
  async run(args, context) {
    const { renderExplanation, renderExplanationJson } = await import("../render/plan.ts");
    const render = args.options.format === "json" ? renderExplanationJson : renderExplanation;
    return await runContainer(args, context, (engine, options, start) =>
      engine.explain(options, { ...start, onExplained: (explanation) => context.out(render(explanation)) }),
    );
  },
});

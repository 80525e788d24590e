import { command } from "../command.ts";
import { flag } from "../option-table.ts";
import { manifestDetails } from "../render/docker-manifest.ts";

export default command({
  summary: "Display an image manifest, or manifest list, as its registry has it",
  usage: "[OPTIONS] MANIFEST",
  forms: ["manifest inspect"],
  examples: [
    "tsrun manifest inspect alpine",
    "tsrun manifest inspect -v alpine:3.20  # with what the list refers to",
    "tsrun manifest inspect --insecure registry.local:5000/app",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {
    insecure: flag("Allow communication with an insecure registry"),
    verbose: flag("Output additional info including layers and platform", { short: "v" }),
  },
  async run({ options: { insecure, verbose }, positionals: [name = ""] }, context) {
    const engine = await context.engine();
    const manifest = await engine.registries.inspectManifest(name, { insecure, verbose });
    const document: unknown = verbose ? manifestDetails(manifest) : JSON.parse(manifest.bytes.toString());
    context.out(`${JSON.stringify(document, undefined, "\t")}\n`);
    return 0;
  },
});

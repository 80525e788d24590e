import { command } from "../command.ts";

export default command({
  summary: "Run bundles by the OCI runtime interface, with runc's words (tsrun-oci is the same)",
  usage: "[GLOBAL OPTIONS] COMMAND [ARG...]",
  forms: ["oci"],
  examples: [
    "tsrun oci spec --bundle web  # a configuration to start from",
    "tsrun oci run --bundle web web1",
    "tsrun oci create --bundle web --pid-file web.pid web1",
    "tsrun oci start web1",
    "tsrun oci list --format json",
  ],
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  raw: true,
  options: {},
  async run({ positionals }) {
    const { main } = await import("../oci/main.ts");
    return await main(positionals);
  },
});

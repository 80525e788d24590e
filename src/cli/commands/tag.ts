import { command } from "../command.ts";

export default command({
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  forms: ["image tag", "tag"],
  examples: [
    "tsrun tag alpine localhost:5000/alpine:3.20  # the name to push it by",
    "tsrun tag 0e5574283393 team/app:v1.0  # by its id",
  ],
  arguments: { min: 2, max: 2 },
  interspersed: true,
  options: {},
  async run({ positionals: [source = "", target = ""] }, context) {
    const engine = await context.engine();
    await engine.images.tag(source, target);
    return 0;
  },
});

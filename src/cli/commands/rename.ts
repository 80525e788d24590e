import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";

export default command({
  summary: "Rename a container",
  usage: "CONTAINER NEW_NAME",
  forms: ["container rename", "rename"],
  examples: ["tsrun rename web web-old", "tsrun rename 3f9a web  # by the beginning of its id"],
  arguments: { min: 2, max: 2 },
  interspersed: true,
  options: {},
  async run({ positionals: [container = "", name = ""] }, context) {
    if (container.trim() === "" || name.trim() === "") {
      throw new TsrunError("ERR_TSRUN_USAGE", "Neither old nor new names may be empty", { exitCode: 1 });
    }
    const engine = await context.engine();
    await engine.rename(container, name);
    return 0;
  },
});

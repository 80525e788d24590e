import { TsrunError } from "../../errors.ts";
import { command } from "../command.ts";
import { forEachName } from "../each.ts";
import { flag, refused } from "../option-table.ts";

export default command({
  summary: "Remove one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container rm", "container remove", "rm"],
  examples: [
    "tsrun rm web",
    "tsrun rm -f web  # even while it runs",
    "tsrun rm -v web  # with the volumes that it got without a name",
    "tsrun rm $(tsrun ps -aq --filter status=exited)  # all that have ended",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    force: flag("Force the removal of a running container (uses SIGKILL)", { short: "f" }),
    link: refused("links between containers do not exist", "l"),
    volumes: flag("Remove anonymous volumes associated with the container", { short: "v" }),
  },
  async run({ options: { force, volumes }, positionals }, context) {
    const engine = await context.engine();
    return await forEachName(positionals, context, async (name) => {
      try {
        await engine.remove(name, { force, volumes });
        return name;
      } catch (error) {
        // With -f what is not there is as good as removed: said, but no failure.
        if (!force || !isMissing(error)) throw error;
        context.report(error);
        return undefined;
      }
    });
  },
});

const isMissing = (error: unknown): boolean =>
  error instanceof TsrunError && error.code === "ERR_TSRUN_CONTAINER_NOT_FOUND";

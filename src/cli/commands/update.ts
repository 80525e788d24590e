import type { ContainerChanges } from "../../engine/types.ts";
import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { createFlags } from "../container-flags.ts";
import { forEachName } from "../each.ts";
import { value } from "../option-table.ts";
import { resources } from "../options/resources.ts";
import { parseRestartPolicy } from "../options/restart.ts";

const options = {
  "blkio-weight": createFlags["blkio-weight"],
  "cpu-period": createFlags["cpu-period"],
  "cpu-quota": createFlags["cpu-quota"],
  "cpu-rt-period": createFlags["cpu-rt-period"],
  "cpu-rt-runtime": createFlags["cpu-rt-runtime"],
  "cpu-shares": createFlags["cpu-shares"],
  cpus: createFlags.cpus,
  "cpuset-cpus": createFlags["cpuset-cpus"],
  "cpuset-mems": createFlags["cpuset-mems"],
  "kernel-memory": createFlags["kernel-memory"],
  memory: createFlags.memory,
  "memory-reservation": createFlags["memory-reservation"],
  "memory-swap": createFlags["memory-swap"],
  "pids-limit": createFlags["pids-limit"],
  restart: value("Restart policy to apply when a container exits", { parse: parseRestartPolicy }),
};

export default command({
  summary: "Update configuration of one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container update", "update"],
  examples: [
    "tsrun update -m 512m web  # at once, and for every later start",
    "tsrun update --cpus 1.5 --pids-limit 200 web db",
    "tsrun update --restart unless-stopped web",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: flags, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const changes = changesOf(flags);
  const engine = await context.engine();
  return await forEachName(positionals, context, async (name) => {
    await engine.update(name, changes);
    return name;
  });
}

function changesOf(flags: Arguments<typeof options>["options"]): ContainerChanges {
  const limits = resources(flags, { update: true });
  if (limits === undefined && flags.restart === undefined) {
    throw new TsrunError("ERR_TSRUN_USAGE", "you must provide one or more flags when using this command", {
      exitCode: 1,
    });
  }
  return {
    ...(limits !== undefined && { resources: limits }),
    ...(flags.restart !== undefined && { restartPolicy: flags.restart }),
  };
}

import { reserveCidfile } from "../cidfile.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { createFlags } from "../container-flags.ts";
import { toContainerOptions } from "../container-options.ts";
import { dryRunFlags, isDryRun, printDryRun } from "../print-dry-run.ts";
import { createPullProgress } from "../pull-progress.ts";

const options = { ...createFlags, ...dryRunFlags };

export default command({
  summary: "Create a new container",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  forms: ["container create", "create"],
  examples: [
    "tsrun create --name web -m 256m nginx  # everything but the start",
    "tsrun create -it --name box alpine sh",
    "tsrun create --cidfile /tmp/web.id nginx",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  options,
  run,
});

async function run(args: Arguments<typeof options>, context: Context): Promise<number> {
  // A container that is created has no client yet: what -a names is a note for the one that will start it.
  const flags = { ...args.options, detach: false, "detach-keys": undefined, "sig-proxy": true };
  const request = toContainerOptions(flags, args.positionals, context.env);
  if (isDryRun(args.options)) return await printDryRun(request, flags.format, context);

  const cidfile = flags.cidfile === undefined ? undefined : reserveCidfile(flags.cidfile);
  const progress = createPullProgress({ context, quiet: flags.quiet });
  try {
    const engine = await context.engine();
    const { id, warnings } = await engine.create(request, {
      onProgress: progress.event,
      ...(request.platform !== undefined && { platform: request.platform }),
    });
    progress.end();
    cidfile?.write(id);
    for (const warning of warnings) context.err(`WARNING: ${warning}\n`);
    context.out(`${id}\n`);
    return 0;
  } finally {
    progress.end();
    cidfile?.close();
  }
}

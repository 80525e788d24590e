/** How `run` and `explain run` run a container from the command line. */
import type { EngineApi, ProcessHandle, RunOptions } from "../engine/api.ts";
import type { ContainerOptions } from "../engine/types.ts";
import { reserveCidfile } from "./cidfile.ts";
import type { Arguments, Context } from "./command.ts";
import type { runFlags } from "./container-flags.ts";
import { toContainerOptions } from "./container-options.ts";
import { attachments } from "./options/streams.ts";
import { conclude, requireTerminal } from "./outcome.ts";
import { createPullProgress } from "./pull-progress.ts";
import { catchSignals, type SignalProxy } from "./signals.ts";
import { attach } from "./terminal.ts";

type Start = (engine: EngineApi, options: ContainerOptions, start: RunOptions) => Promise<ProcessHandle>;

/** Everything of `run` around the engine's verb: flags, progress, signals, terminal and exit code. */
export async function runContainer(
  { options: flags, positionals }: Arguments<typeof runFlags>,
  context: Context,
  begin: Start = (engine, options, start) => engine.run(options, start),
): Promise<number> {
  const streams = attachments(flags);
  const { terminal } = context;
  if (flags.tty && streams?.stdin) requireTerminal(terminal);
  const options = toContainerOptions(flags, positionals, context.env);
  const cidfile = flags.cidfile === undefined ? undefined : reserveCidfile(flags.cidfile);

  const progress = createPullProgress({ context, quiet: flags.quiet });
  let signals: SignalProxy | undefined;
  const start: RunOptions = {
    pull: {
      onProgress: progress.event,
      ...(options.platform !== undefined && { platform: options.platform }),
    },
    onCreated({ id, warnings }) {
      progress.end();
      for (const warning of warnings) context.err(`WARNING: ${warning}\n`);
      cidfile?.write(id);
      if (streams !== undefined && flags["sig-proxy"]) signals = catchSignals();
    },
    ...(streams !== undefined && { attach: streams }),
    ...sizeOf(options, context),
  };

  const engine = await context.engine();
  const handle = await begin(engine, options, start).finally(() => {
    progress.end();
    cidfile?.close();
  });
  for (const warning of handle.warnings) context.err(`WARNING: ${warning}\n`);
  if (streams === undefined) {
    context.out(`${handle.containerId}\n`);
    handle.detach();
    return 0;
  }
  const outcome = await attach(
    handle,
    { streams, tty: flags.tty, detachKeys: flags["detach-keys"], signals },
    terminal,
  );
  return conclude(outcome, context);
}

function sizeOf(options: ContainerOptions, { terminal }: Context): Pick<RunOptions, "size"> {
  const size = options.tty ? terminal.size() : undefined;
  return size === undefined ? {} : { size };
}

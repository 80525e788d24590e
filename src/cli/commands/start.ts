import type { EngineApi, ProcessHandle } from "../../engine/api.ts";
import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { forEachName } from "../each.ts";
import { flag, value } from "../option-table.ts";
import { checkDetachKeys } from "../options/streams.ts";
import { conclude } from "../outcome.ts";
import { catchSignals } from "../signals.ts";
import { attach } from "../terminal.ts";

const options = {
  attach: flag("Attach STDOUT/STDERR and forward signals", { short: "a" }),
  "detach-keys": value("Override the key sequence for detaching a container", { parse: checkDetachKeys }),
  interactive: flag("Attach container's STDIN", { short: "i" }),
};

export default command({
  summary: "Start one or more stopped containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  forms: ["container start", "start"],
  examples: [
    "tsrun start web db",
    "tsrun start -a job  # see what it writes, and get its exit code",
    "tsrun start -ai shell  # and type into it",
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
  const engine = await context.engine();
  if (!flags.attach && !flags.interactive) {
    return await forEachName(positionals, context, (name) => startDetached(engine, name));
  }
  const [name = "", ...others] = positionals;
  if (others.length > 0) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      "you cannot start and attach multiple containers at once",
      { exitCode: 1 },
    );
  }
  return await startAttached(engine, { name, flags, context });
}

async function startDetached(engine: EngineApi, name: string): Promise<string> {
  try {
    const handle = await engine.start(name);
    handle.detach();
  } catch (error) {
    if (!isRunningAlready(error)) throw error;
  }
  return name;
}

async function startAttached(
  engine: EngineApi,
  { name, flags, context }: { name: string; flags: Arguments<typeof options>["options"]; context: Context },
): Promise<number> {
  const { record } = await engine.inspect(name);
  const { tty = false, interactive = false } = record.options;
  const streams = { stdin: flags.interactive && interactive, stdout: true, stderr: true };
  const size = tty ? context.terminal.size() : undefined;
  const signals = catchSignals();
  let handle: ProcessHandle;
  try {
    handle = await begin(engine, name, { attach: streams, ...(size !== undefined && { size }) });
  } catch (error) {
    // Whatever the reason: other codes are the program's own.
    signals.stop();
    context.report(error);
    return 1;
  }
  for (const warning of handle.warnings) context.err(`WARNING: ${warning}\n`);
  const outcome = await attach(
    handle,
    { streams, tty, detachKeys: flags["detach-keys"] ?? record.options.detachKeys, signals },
    context.terminal,
  );
  return conclude(outcome, context);
}

/** What runs already is attached to. */
async function begin(
  engine: EngineApi,
  name: string,
  start: Parameters<EngineApi["start"]>[1],
): Promise<ProcessHandle> {
  try {
    return await engine.start(name, start);
  } catch (error) {
    if (!isRunningAlready(error)) throw error;
    return await engine.attach(name);
  }
}

const isRunningAlready = (error: unknown): boolean =>
  error instanceof TsrunError && error.code === "ERR_TSRUN_CONTAINER_RUNNING";

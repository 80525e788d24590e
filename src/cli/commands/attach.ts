import type { ProcessHandle } from "../../engine/api.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { flag, value } from "../option-table.ts";
import { checkDetachKeys } from "../options/streams.ts";
import { conclude, requireTerminal } from "../outcome.ts";
import { catchSignals } from "../signals.ts";
import { attach, type Terminal } from "../terminal.ts";

const options = {
  "detach-keys": value("Override the key sequence for detaching a container", { parse: checkDetachKeys }),
  "no-stdin": flag("Do not attach STDIN"),
  "sig-proxy": flag("Proxy all received signals to the process", { default: true }),
};

export default command({
  summary: "Attach local standard input, output, and error streams to a running container",
  usage: "[OPTIONS] CONTAINER",
  forms: ["container attach", "attach"],
  examples: [
    "tsrun attach web  # Ctrl-P Ctrl-Q leaves a container with a terminal again",
    "tsrun attach --no-stdin web",
    "tsrun attach --sig-proxy=false web  # Ctrl-C leaves it running",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: flags, positionals: [container = ""] }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const { terminal } = context;
  const engine = await context.engine();
  const { record, state } = await engine.inspect(container);
  const { tty = false, interactive = false, detachKeys } = record.options;
  const stdin = interactive && !flags["no-stdin"];
  if (tty && stdin && state.status === "running") requireTerminal(terminal);
  const handle = await engine.attach(record.id);
  const signals = flags["sig-proxy"] ? catchSignals() : undefined;
  if (tty) redraw(handle, terminal);
  const outcome = await attach(
    handle,
    {
      streams: { stdin, stdout: true, stderr: true },
      tty,
      detachKeys: flags["detach-keys"] ?? detachKeys,
      signals,
    },
    terminal,
  );
  return conclude(outcome, context);
}

/** A program draws its screen anew, or its prompt, only when the size changes: so it changes, and back again. */
function redraw(handle: ProcessHandle, terminal: Terminal): void {
  const size = terminal.size();
  if (size === undefined) return;
  handle.resize(size.rows + 1, size.columns + 1);
  handle.resize(size.rows, size.columns);
}

import type { ExecOptions } from "../../engine/api.ts";
import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { flag, list, value } from "../option-table.ts";
import { readEnvFile } from "../options/env-file.ts";
import { parseEnv, resolveEnv } from "../options/pairs.ts";
import { checkDetachKeys } from "../options/streams.ts";
import { conclude, requireTerminal } from "../outcome.ts";
import { attach } from "../terminal.ts";

const CANNOT_INVOKE = 126;
const UNKNOWN: ReadonlySet<string> = new Set(["ERR_TSRUN_USER_NOT_FOUND", "ERR_TSRUN_GROUP_NOT_FOUND"]);

const options = {
  detach: flag("Detached mode: run command in the background", { short: "d" }),
  "detach-keys": value("Override the key sequence for detaching a container", { parse: checkDetachKeys }),
  env: list("Set environment variables", { short: "e", parse: parseEnv }),
  "env-file": list("Read in a file of environment variables"),
  interactive: flag("Keep STDIN open even if not attached", { short: "i" }),
  privileged: flag("Give extended privileges to the command"),
  tty: flag("Allocate a pseudo-TTY", { short: "t" }),
  user: value('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: "u" }),
  workdir: value("Working directory inside the container", { short: "w" }),
};

export default command({
  summary: "Execute a command in a running container",
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  forms: ["container exec", "exec"],
  examples: [
    "tsrun exec -it web sh  # a shell in a running container",
    "tsrun exec web cat /etc/hostname",
    "tsrun exec -u nobody -w /tmp -e DEBUG=1 web env",
    "tsrun exec -d web sleep 60  # in the background",
  ],
  arguments: { min: 2, max: Number.POSITIVE_INFINITY },
  interspersed: false,
  options,
  run,
});

async function run(
  { options: flags, positionals }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const [container = "", ...words] = positionals;
  const { terminal } = context;
  const { tty, detach, interactive } = flags;
  if (tty && interactive && !detach) requireTerminal(terminal);
  const fromFiles = flags["env-file"].flatMap((path) => readEnvFile(path, (name) => context.env[name]));
  const streams = { stdin: interactive, stdout: true, stderr: true };
  const size = tty && !detach ? terminal.size() : undefined;
  const request: ExecOptions = {
    command: words,
    env: [...fromFiles, ...resolveEnv(flags.env, context.env)],
    tty,
    interactive,
    privileged: flags.privileged,
    detach,
    ...(!detach && { attach: streams }),
    ...(size !== undefined && { size }),
    ...(flags.user !== undefined && { user: flags.user }),
    ...(flags.workdir !== undefined && { workdir: flags.workdir }),
  };
  const engine = await context.engine();
  const handle = await engine.exec(container, request).catch((error: unknown) => {
    throw detach ? error : asCannotInvoke(error);
  });
  if (detach) {
    handle.detach();
    return 0;
  }
  return conclude(
    await attach(handle, { streams, tty, detachKeys: flags["detach-keys"] }, terminal),
    context,
  );
}

/** Who a container does not know cannot execute anything there: 126, as with docker. */
function asCannotInvoke(error: unknown): unknown {
  if (!(error instanceof TsrunError) || !UNKNOWN.has(error.code)) return error;
  const { code, message, hint, cause } = error;
  return new TsrunError(code, message, {
    ...(hint !== undefined && { hint }),
    cause,
    exitCode: CANNOT_INVOKE,
  });
}

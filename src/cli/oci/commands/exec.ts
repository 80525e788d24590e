import { resolve } from "node:path";
import { TsrunError } from "../../../errors.ts";
import { execProcess } from "../../../oci/exec.ts";
import type { OciCommand } from "../command.ts";
import { processOfCall } from "../exec-process.ts";

/** What tells a failure of the runtime from the process's own exit code. */
const EXIT_FAILURE = 255;

/** What the kernel refused, in its own words. */
const UNNAMED = { code: "ERR_TSRUN_STEP_FAILED", hint: undefined } as const;

const command: OciCommand = {
  name: "exec",
  usage: "execute new process inside the container",
  arguments: `<container-id> <command> [command options]  || -p process.json <container-id>

Where "<container-id>" is the name for the instance of the container and
"<command>" is the command to be executed in the container.
"<command>" can't be empty unless a "-p" flag provided.

EXAMPLE:
For example, if the container is configured to run the linux ps command the
following will output a list of processes running in the container:

       # tsrun-oci exec <container-id> ps`,
  flags: [
    {
      name: "console-socket",
      kind: "string",
      usage:
        "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal",
    },
    {
      name: "pidfd-socket",
      kind: "string",
      usage: "path to an AF_UNIX socket which will receive a file descriptor referencing the exec process",
    },
    { name: "cwd", kind: "string", usage: "current working directory in the container" },
    { name: "env", alias: "e", kind: "strings", usage: "set environment variables" },
    { name: "tty", alias: "t", kind: "boolean", usage: "allocate a pseudo-TTY" },
    { name: "user", alias: "u", kind: "string", usage: "UID (format: <uid>[:<gid>])" },
    { name: "additional-gids", alias: "g", kind: "numbers", usage: "additional gids" },
    { name: "process", alias: "p", kind: "string", usage: "path to the process.json" },
    { name: "detach", alias: "d", kind: "boolean", usage: "detach from the container's process" },
    { name: "pid-file", kind: "string", usage: "specify the file to write the process id to" },
    {
      name: "process-label",
      kind: "string",
      usage: "set the asm process label for the process commonly used with selinux",
    },
    { name: "apparmor", kind: "string", usage: "set the apparmor profile for the process" },
    { name: "no-new-privs", kind: "boolean", usage: "set the no new privileges value for the process" },
    {
      name: "cap",
      alias: "c",
      kind: "strings",
      usage: "add a capability to the bounding set for the process",
    },
    {
      name: "preserve-fds",
      kind: "number",
      default: "0",
      usage: "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)",
    },
    {
      name: "cgroup",
      kind: "strings",
      usage: "run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>.",
    },
    { name: "ignore-paused", kind: "boolean", usage: "allow exec in a paused container" },
  ],
  count: { min: 1, max: Number.POSITIVE_INFINITY },
  stopAtFirst: true,
  async run(call) {
    const { words, flags, globals } = call;
    const path = (name: string): string | undefined => {
      const value = flags.text(name);
      return value === undefined ? undefined : resolve(value);
    };
    try {
      return await execProcess({
        root: globals.root,
        id: words[0] ?? "",
        process: (state) => processOfCall(call, state),
        detach: flags.boolean("detach"),
        pidFile: path("pid-file"),
        consoleSocket: path("console-socket"),
        pidfdSocket: path("pidfd-socket"),
        preserveFds: flags.number("preserve-fds"),
        ignorePaused: flags.boolean("ignore-paused"),
        cgroups: flags.strings("cgroup"),
      });
    } catch (error) {
      const { code, hint } = error instanceof TsrunError ? error : UNNAMED;
      throw new TsrunError(code, `exec failed: ${(error as Error).message}`, {
        ...(hint === undefined ? {} : { hint }),
        cause: error,
        exitCode: EXIT_FAILURE,
      });
    }
  },
};
export default command;

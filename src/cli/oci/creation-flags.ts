/** The flags that create and run share. */
import { resolve } from "node:path";
import { lacksHostRoot } from "../../kernel/rootless.ts";
import type { CreateOptions } from "../../oci/create.ts";
import { invalidRequest } from "../../oci/errors.ts";
import { listenFds, notifySocket } from "./activation.ts";
import type { Call, OciFlag } from "./command.ts";

export const creationFlags: readonly OciFlag[] = [
  {
    name: "bundle",
    alias: "b",
    kind: "string",
    usage: "path to the root of the bundle directory, defaults to the current directory",
  },
  {
    name: "console-socket",
    kind: "string",
    usage:
      "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal",
  },
  {
    name: "pidfd-socket",
    kind: "string",
    usage: "path to an AF_UNIX socket which will receive a file descriptor referencing the init process",
  },
  { name: "pid-file", kind: "string", usage: "specify the file to write the process id to" },
  {
    name: "no-pivot",
    kind: "boolean",
    usage:
      "do not use pivot root to jail process inside rootfs.  This should be used whenever the rootfs is on top of a ramdisk",
  },
  {
    name: "no-new-keyring",
    kind: "boolean",
    usage:
      "do not create a new session keyring for the container.  This will cause the container to inherit the calling processes session key",
  },
  {
    name: "preserve-fds",
    kind: "number",
    default: "0",
    usage: "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)",
  },
];

/** What the flags say, paths made absolute. */
export function creationOptions({ words, flags, globals }: Call): CreateOptions {
  const [id = ""] = words;
  if (id === "") throw invalidRequest("container id cannot be empty");
  const path = (name: string): string | undefined => {
    const value = flags.text(name);
    return value === undefined ? undefined : resolve(value);
  };
  return {
    root: globals.root,
    id,
    bundle: path("bundle") ?? process.cwd(),
    pidFile: path("pid-file"),
    consoleSocket: path("console-socket"),
    pidfdSocket: path("pidfd-socket"),
    preserveFds: flags.number("preserve-fds"),
    listenFds: listenFds(),
    notifySocket: notifySocket(),
    rootless: isRootless(globals.rootless),
    systemdCgroup: globals.systemdCgroup,
    noPivot: flags.boolean("no-pivot"),
    noNewKeyring: flags.boolean("no-new-keyring"),
  };
}

/** --rootless: by default, whoever is not the host's root is. */
function isRootless(word: string): boolean {
  if (/^(1|t|true)$/i.test(word)) return true;
  if (/^(0|f|false)$/i.test(word)) return false;
  if (word !== "" && word.toLowerCase() !== "auto")
    throw invalidRequest(`invalid value for --rootless: ${word}`);
  return lacksHostRoot();
}

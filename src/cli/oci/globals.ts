/** The flags before the command. */
import { resolve } from "node:path";
import { invalidRequest } from "../../oci/errors.ts";
import { defaultRoot } from "../../oci/root.ts";
import type { Globals, OciFlag, Values } from "./command.ts";
import { log } from "./log.ts";

export const globalFlags: readonly OciFlag[] = [
  { name: "debug", kind: "boolean", usage: "enable debug logging" },
  { name: "log", kind: "string", usage: "set the log file to write logs to (default is '/dev/stderr')" },
  {
    name: "log-format",
    kind: "string",
    default: '"text"',
    usage: "set the log format ('text' (default), or 'json')",
  },
  {
    name: "root",
    kind: "string",
    default: '"/run/tsrun/oci"',
    usage: "root directory for storage of container state (this should be located in tmpfs)",
  },
  { name: "criu", kind: "string", usage: "(obsoleted, do not use)", hidden: true },
  {
    name: "systemd-cgroup",
    kind: "boolean",
    usage:
      'enable systemd cgroup support, expects cgroupsPath to be of form "slice:prefix:name" for e.g. "system.slice:runc:434234"',
  },
  {
    name: "rootless",
    kind: "string",
    default: '"auto"',
    usage: "ignore cgroup permission errors ('true', 'false', or 'auto')",
  },
  { name: "version", alias: "v", kind: "boolean", usage: "print the version" },
];

/** Sets the log up and returns the rest; throws ERR_TSRUN_OCI_REQUEST_INVALID. */
export function readGlobals(flags: Values): Globals {
  log.debug = flags.boolean("debug");
  const format = flags.string("log-format") ?? "text";
  if (format !== "text" && format !== "json" && format !== "") {
    throw invalidRequest(`invalid log-format: ${format}`);
  }
  log.json = format === "json";
  const file = flags.text("log");
  log.file = file === undefined || file === "/dev/stderr" ? undefined : resolve(file);
  const root = flags.has("root") ? resolve(flags.string("root") as string) : defaultRoot();
  if (root === "/") throw invalidRequest("Option --root argument should not be set to /");
  return {
    root,
    ownRoot: flags.has("root"),
    systemdCgroup: flags.boolean("systemd-cgroup"),
    rootless: flags.string("rootless") ?? "auto",
  };
}

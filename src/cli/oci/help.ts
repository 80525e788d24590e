/** Help texts in the form of runc's. */

import { version } from "../version.ts";
import type { OciCommand, OciFlag } from "./command.ts";
import { commands } from "./commands.ts";
import { globalFlags } from "./globals.ts";

const DESCRIPTION = `tsrun's OCI runtime interface

tsrun-oci is a command line client for running containers packaged as bundles of
the Open Container Initiative: a directory with "config.json" and a root
filesystem. Container engines call it in place of runc, with the same words.

To start a new instance of a container:

    # tsrun-oci run [ -b bundle ] <container-id>

Where "<container-id>" is your name for the instance of the container that you
are starting. It must be unique on your host. Providing the bundle directory using
"-b" is optional. The default value for "bundle" is the current directory.`;

export async function generalHelp(): Promise<string> {
  const loaded = await Promise.all(Object.values(commands).map(async (load) => (await load()).default));
  const rows = loaded.map(({ name, usage }): [string, string] => [name, usage]);
  return [
    `NAME:\n   tsrun-oci - ${DESCRIPTION}`,
    "USAGE:\n   tsrun-oci [global options] command [command options] [arguments...]",
    `VERSION:\n   ${version()}`,
    `COMMANDS:\n${table([...rows, ["help, h", "Shows a list of commands or help for one command"]])}`,
    `GLOBAL OPTIONS:\n${table(flagRows(globalFlags))}`,
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}

export function commandHelp({ name, usage, arguments: words, flags }: OciCommand): string {
  const rows = flagRows(flags);
  return [
    `NAME:\n   tsrun-oci ${name} - ${usage}`,
    `USAGE:\n   tsrun-oci ${name} [command options] ${words}`,
    `OPTIONS:\n${table(rows)}`,
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}

function flagRows(flags: readonly OciFlag[]): [string, string][] {
  const visible = flags.filter(({ hidden }) => !hidden);
  const rows = visible.map((flag): [string, string] => {
    const value = flag.kind === "boolean" ? "" : " value";
    const alias = flag.alias === undefined ? "" : `, -${flag.alias}${value}`;
    const suffix = flag.default === undefined ? "" : ` (default: ${flag.default})`;
    return [`--${flag.name}${value}${alias}`, `${flag.usage}${suffix}`];
  });
  return [...rows, ["--help, -h", "show help"]];
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `   ${left.padEnd(width)}  ${right}`).join("\n");
}

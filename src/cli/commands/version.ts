import { arch, release } from "node:os";
import { command } from "../command.ts";
import { value } from "../option-table.ts";
import { compile } from "../template/template.ts";
import { version } from "../version.ts";

/** The names that Go, and so docker, gives to architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export default command({
  summary: "Show the tsrun version information",
  usage: "[OPTIONS]",
  forms: ["version"],
  examples: ["tsrun version", "tsrun version -f '{{.Server.Version}}'"],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: { format: value("Format output: 'json' or a Go template", { short: "f" }) },
  async run({ options: { format = "" } }, context) {
    context.out(`${render(versions(), format)}\n`);
    return 0;
  },
});

/** There is no daemon: the engine is part of the client, and scripts find its version where docker has the server's. */
function versions() {
  const common = { Version: version(), Os: "linux", Arch: ARCHITECTURES[arch()] ?? arch() };
  return {
    Client: { ...common, NodeVersion: process.version },
    Server: { Platform: { Name: "tsrun (in the client, no daemon)" }, ...common, KernelVersion: release() },
  };
}

function render(document: ReturnType<typeof versions>, format: string): string {
  if (format === "json") return JSON.stringify(document);
  if (format !== "") return compile(format).execute(document);
  const { Client: client, Server: server } = document;
  return [
    "Client: tsrun",
    ` Version:           ${client.Version}`,
    ` Node version:      ${client.NodeVersion}`,
    ` OS/Arch:           ${client.Os}/${client.Arch}`,
    "",
    `Server: ${server.Platform.Name}`,
    ` Version:           ${server.Version}`,
    ` OS/Arch:           ${server.Os}/${server.Arch}`,
    ` Kernel Version:    ${server.KernelVersion}`,
  ].join("\n");
}

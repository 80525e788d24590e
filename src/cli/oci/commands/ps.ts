import { invalidRequest } from "../../../oci/errors.ts";
import { processesOf } from "../../../oci/ps.ts";
import { STDOUT, writeText } from "../../write.ts";
import type { OciCommand } from "../command.ts";

const command: OciCommand = {
  name: "ps",
  usage: "ps displays the processes running inside a container",
  arguments: `<container-id> [ps options]

EXAMPLE:
       # tsrun-oci ps -f json ubuntu01
       # tsrun-oci ps ubuntu01 -o pid,user,args`,
  flags: [
    { name: "format", alias: "f", kind: "string", default: '"table"', usage: "select one of: table or json" },
  ],
  count: { min: 1, max: Number.POSITIVE_INFINITY },
  stopAtFirst: true,
  async run({ words: [id = "", ...options], flags, globals }) {
    const format = flags.string("format") ?? "table";
    if (format !== "table" && format !== "json") throw invalidRequest("invalid format option");
    const pids = processesOf(globals.root, id);
    writeText(
      STDOUT,
      format === "json" ? `${JSON.stringify(pids ?? null)}\n` : await table(pids ?? [], options),
    );
    return 0;
  },
};
export default command;

/** The lines of the host's ps(1) about these processes, under its heading. */
async function table(pids: readonly number[], options: readonly string[]): Promise<string> {
  const { hostPs } = await import("../../../engine/host-ps.ts");
  const [heading = "", ...lines] = (await hostPs(options.length > 0 ? options : ["-ef"])).split("\n");
  const column = words(heading).indexOf("PID");
  if (column === -1) throw invalidRequest("couldn't find PID field in ps output");
  const wanted = new Set(pids.map(String));
  const ours = lines.filter((line) => wanted.has(words(line)[column] ?? ""));
  return [heading, ...ours].map((line) => `${line}\n`).join("");
}

const words = (line: string): string[] => line.trim().split(/\s+/);

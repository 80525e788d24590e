import { invalidRequest } from "../../../oci/errors.ts";
import { listIds, type OciState, publicState, readState, statusOf } from "../../../oci/state.ts";
import { STDERR, STDOUT, writeText } from "../../write.ts";
import type { Globals, OciCommand } from "../command.ts";
import { ownerOf } from "../owner.ts";

const command: OciCommand = {
  name: "list",
  usage: "lists containers started with the given root",
  arguments: `

Where the given root is specified via the global option "--root"
(default: "/run/tsrun/oci").

EXAMPLE 1:
To list containers created via the default "--root":
       # tsrun-oci list

EXAMPLE 2:
To list containers created using a non-default value for "--root":
       # tsrun-oci --root value list`,
  flags: [
    { name: "format", alias: "f", kind: "string", default: '"table"', usage: "select one of: table or json" },
    { name: "quiet", alias: "q", kind: "boolean", usage: "display only container IDs" },
  ],
  count: { min: 0, max: 0 },
  run({ flags, globals }) {
    const format = flags.string("format") ?? "table";
    const listed = list(globals);
    if (flags.boolean("quiet")) writeText(STDOUT, listed.map(({ id }) => `${id}\n`).join(""));
    else if (format === "json")
      writeText(STDOUT, `${listed.length === 0 ? "null" : JSON.stringify(listed)}\n`);
    else if (format === "table") writeText(STDOUT, table(listed));
    else throw invalidRequest("invalid format option");
    return 0;
  },
};
export default command;

type Listed = OciState & { owner: string };

/** A default root that is not there yet has no containers; one that was named has to be there. */
function list({ root, ownRoot }: Globals): Listed[] {
  let ids: string[];
  try {
    ids = listIds(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && !ownRoot) return [];
    throw (error as NodeJS.ErrnoException).code === "ENOENT"
      ? invalidRequest(`open ${root}: no such file or directory`, error)
      : error;
  }
  return ids.flatMap((id) => {
    try {
      const state = readState(root, id);
      return [{ ...publicState(state, statusOf(root, state)), owner: ownerOf(root, id) }];
    } catch (error) {
      writeText(STDERR, `load container ${id}: ${(error as Error).message}\n`);
      return [];
    }
  });
}

const MINIMUM = 12;
const GAP = 3;

function table(listed: readonly Listed[]): string {
  const rows = [
    ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
    ...listed.map(({ id, pid, status, bundle, created, owner }) => [
      id,
      String(pid),
      status,
      bundle,
      created,
      owner,
    ]),
  ];
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(MINIMUM, ...rows.map((row) => (row[column] as string).length + GAP)),
  );
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] as number))).join("")}\n`,
    )
    .join("");
}

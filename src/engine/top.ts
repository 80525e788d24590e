/** top: the processes of a container as the host's ps(1) shows them. */
import { TsrunError } from "../errors.ts";
import type { ProcessList } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { hostPs } from "./host-ps.ts";
import { notRunning } from "./not-running.ts";
import { processesOf } from "./processes.ts";
import { resolveContainer } from "./records.ts";
import { readState } from "./state.ts";

/**
 * Runs ps with the arguments ("-ef" where there are none) and keeps the lines of the container's processes. Throws
 * ERR_TSRUN_CONTAINER_NOT_RUNNING, ERR_TSRUN_PS_MISSING, ERR_TSRUN_PS_FAILED, ERR_TSRUN_PS_NO_PID.
 */
export async function topOfContainer(
  context: EngineContext,
  reference: string,
  args: readonly string[] = [],
): Promise<ProcessList> {
  const record = resolveContainer(context.paths, reference);
  const state = readState(context.paths, record.id);
  if (state.status !== "running") throw notRunning(record, state);
  const pids = processesOf(record, state);
  recordEvent(context, containerEvent(record, "top"));
  return listProcesses(args.length > 0 ? args : ["-ef"], new Set(pids), hostPs);
}

/** The lines of these processes; `ps` is asked once more for the PID where the arguments leave that column out. */
export async function listProcesses(
  args: readonly string[],
  pids: ReadonlySet<number>,
  ps: (args: readonly string[]) => Promise<string>,
): Promise<ProcessList> {
  const wanted = parsePs(await ps(args), pids);
  if (wanted) return wanted;
  const { titles, processes } = (await withPidFirst(args, pids, ps)) ?? noPid(args);
  return { titles: titles.slice(1), processes: processes.map((fields) => fields.slice(1)) };
}

/** Formats add up: a column named before all others is the first. */
async function withPidFirst(
  args: readonly string[],
  pids: ReadonlySet<number>,
  ps: (args: readonly string[]) => Promise<string>,
): Promise<ProcessList | undefined> {
  try {
    return parsePs(await ps(["-o", "pid", ...args]), pids);
  } catch {
    return undefined; // the arguments have a format of another kind, with which -o cannot be combined
  }
}

function noPid(args: readonly string[]): never {
  throw new TsrunError("ERR_TSRUN_PS_NO_PID", `ps ${args.join(" ")} shows no PID column`, {
    hint: "processes are told apart by it: choose options that show it, such as -o pid,user,args",
  });
}

/** undefined where no column is headed PID. */
export function parsePs(output: string, pids: ReadonlySet<number>): ProcessList | undefined {
  const [heading = "", ...lines] = output.split("\n");
  const titles = words(heading);
  const column = titles.indexOf("PID");
  if (column === -1) return undefined;
  const processes: string[][] = [];
  let isOurs = false;
  for (const line of lines) {
    const fields = words(line);
    const pid = fields[column];
    if (pid === undefined) continue;
    // With -m the threads of a process follow it, and have "-" for a PID.
    if (pid !== "-") isOurs = pids.has(Number(pid));
    if (isOurs) processes.push(columns(fields, titles.length));
  }
  return { titles, processes };
}

const words = (line: string): string[] =>
  line
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");

/** The last column is the command line, blanks included. */
function columns(fields: readonly string[], count: number): string[] {
  return [...fields.slice(0, count - 1), fields.slice(count - 1).join(" ")];
}

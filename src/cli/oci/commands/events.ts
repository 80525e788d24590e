import { invalidRequest } from "../../../oci/errors.ts";
import { currentStats, type OciEvent, watchContainer } from "../../../oci/events.ts";
import { parseNanoseconds } from "../../options/duration.ts";
import { STDOUT, writeText } from "../../write.ts";
import type { OciCommand } from "../command.ts";

import { exactJson } from "../exact-json.ts";

const command: OciCommand = {
  name: "events",
  usage: "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
  arguments: `<container-id>

Where "<container-id>" is the name for the instance of the container.

The events command displays information about the container. By default the
information is displayed once every 5 seconds.`,
  flags: [
    { name: "interval", kind: "string", default: "5s", usage: "set the stats collection interval" },
    { name: "stats", kind: "boolean", usage: "display the container's stats then exit" },
  ],
  count: { min: 1, max: 1 },
  async run({ words: [id = ""], flags, globals }) {
    const interval = intervalOf(flags.string("interval") ?? "5s");
    if (flags.boolean("stats")) print(currentStats(globals.root, id));
    else for await (const event of watchContainer(globals.root, id, { interval })) print(event);
    return 0;
  },
};
export default command;

const print = (event: OciEvent): void => writeText(STDOUT, `${exactJson(event)}\n`);

/** Milliseconds. */
function intervalOf(text: string): number {
  const milliseconds = read(text) / 1e6;
  if (milliseconds <= 0) throw invalidRequest("duration interval must be greater than 0");
  return milliseconds;
}

function read(text: string): number {
  try {
    return parseNanoseconds(text);
  } catch (error) {
    throw invalidRequest(
      `invalid value ${JSON.stringify(text)} for flag -interval: ${(error as Error).message}`,
      error,
    );
  }
}

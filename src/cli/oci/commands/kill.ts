import { constants } from "node:os";
import { invalidRequest } from "../../../oci/errors.ts";
import { killContainer } from "../../../oci/kill.ts";
import type { OciCommand } from "../command.ts";

const command: OciCommand = {
  name: "kill",
  usage: "kill sends the specified signal (default: SIGTERM) to the container's init process",
  arguments: `<container-id> [signal]

Where "<container-id>" is the name for the instance of the container and
"[signal]" is the signal to be sent to the init process.

EXAMPLE:
For example, if the container id is "ubuntu01" the following will send a "KILL"
signal to the init process of the "ubuntu01" container:

       # tsrun-oci kill ubuntu01 KILL`,
  flags: [
    {
      name: "all",
      alias: "a",
      kind: "boolean",
      usage: "send the specified signal to all processes inside the container",
    },
  ],
  count: { min: 1, max: 2 },
  stopAtFirst: true,
  async run({ words: [id = "", name = "SIGTERM"], flags, globals }) {
    await killContainer(globals.root, id, { signal: signalNumber(name), all: flags.boolean("all") });
    return 0;
  },
};
export default command;

/** A number, or a name with or without SIG. */
function signalNumber(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  const number = (constants.signals as Readonly<Record<string, number>>)[name] ?? realTimeSignal(name);
  if (number === undefined) throw invalidRequest(`unknown signal ${JSON.stringify(text)}`);
  return number;
}

/** signal(7): the first two are glibc's own, so that SIGRTMIN is 34. */
function realTimeSignal(name: string): number | undefined {
  const [, base, offset = "0"] = /^SIGRT(MIN|MAX)([+-]\d+)?$/.exec(name) ?? [];
  if (base === undefined) return undefined;
  const number = (base === "MIN" ? 34 : 64) + Number(offset);
  return number >= 34 && number <= 64 ? number : undefined;
}

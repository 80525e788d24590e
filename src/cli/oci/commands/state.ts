import { publicState, readState, statusOf } from "../../../oci/state.ts";
import { STDOUT, writeText } from "../../write.ts";
import type { OciCommand } from "../command.ts";
import { ownerOf } from "../owner.ts";

const command: OciCommand = {
  name: "state",
  usage: "output the state of a container",
  arguments: `<container-id>

Where "<container-id>" is your name for the instance of the container.

DESCRIPTION:
   The state command outputs current state information for the
instance of a container.`,
  flags: [],
  count: { min: 1, max: 1 },
  run({ words: [id = ""], globals: { root } }) {
    const state = readState(root, id);
    const told = { ...publicState(state, statusOf(root, state)), owner: ownerOf(root, id) };
    writeText(STDOUT, JSON.stringify(told, undefined, 2));
    return 0;
  },
};
export default command;

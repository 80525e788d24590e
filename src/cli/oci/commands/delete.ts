import { deleteContainer } from "../../../oci/delete.ts";
import type { OciCommand } from "../command.ts";

const command: OciCommand = {
  name: "delete",
  usage: "delete any resources held by the container often used with detached container",
  arguments: `<container-id>

Where "<container-id>" is the name for the instance of the container.

EXAMPLE:
For example, if the container id is "ubuntu01" and tsrun-oci list currently shows the
status of "ubuntu01" as "stopped" the following will delete resources held for
"ubuntu01" removing "ubuntu01" from the list of containers:

       # tsrun-oci delete ubuntu01`,
  flags: [
    {
      name: "force",
      alias: "f",
      kind: "boolean",
      usage: "Forcibly deletes the container if it is still running (uses SIGKILL)",
    },
  ],
  count: { min: 1, max: 1 },
  async run({ words: [id = ""], flags, globals }) {
    await deleteContainer(globals.root, id, { force: flags.boolean("force") });
    return 0;
  },
};
export default command;

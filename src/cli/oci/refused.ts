/** Commands of runc that there are none of here: known by name, so that whoever calls one is told why it fails. */
import { invalidRequest } from "../../oci/errors.ts";
import type { OciCommand } from "./command.ts";

export const refused = (name: string, usage: string): OciCommand => ({
  name,
  usage: `${usage} (not supported)`,
  arguments: `<container-id>

DESCRIPTION:
   Not supported: a container is not saved to files and continued from them.`,
  flags: [],
  count: { min: 0, max: Number.POSITIVE_INFINITY },
  anyFlags: true,
  run() {
    throw invalidRequest(
      `${name} is not supported: tsrun-oci does not save the state of processes (CRIU), so there is nothing to restore either`,
    );
  },
});

import { featuresDocument } from "../../../oci/features.ts";
import { version } from "../../version.ts";
import { STDOUT, writeText } from "../../write.ts";
import type { OciCommand } from "../command.ts";
import { SPEC_VERSION } from "../version.ts";

const command: OciCommand = {
  name: "features",
  usage: "show the enabled features",
  arguments: `

DESCRIPTION:
   Show the features of this runtime. The result is JSON as the features document of the OCI runtime specification has it.`,
  flags: [],
  count: { min: 0, max: 0 },
  run() {
    const document = featuresDocument({ version: version(), specVersion: SPEC_VERSION });
    writeText(STDOUT, `${JSON.stringify(document, undefined, 4)}\n`);
    return 0;
  },
};
export default command;

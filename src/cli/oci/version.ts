/** What `--version` prints: engines read the name, the version and the specification's. */
import { version } from "../version.ts";

/** The newest OCI runtime specification that is understood. */
export const SPEC_VERSION = "1.2.1";

export const versionText = (): string =>
  `tsrun-oci version ${version()}\nspec: ${SPEC_VERSION}\nnode: ${process.version}\n`;

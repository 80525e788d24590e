/** The configurations of docs/engines.md, with this checkout's tsrun-oci where they name an installed one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../../support/cli.ts";
import { TSRUN_OCI } from "../../support/oci.ts";

/** The first block of code below a heading. */
export function documented(heading: string): string {
  const text = readFileSync(join(REPOSITORY, "docs/engines.md"), "utf8");
  const section = text.split(/^## /m).find((each) => each.startsWith(`${heading}\n`));
  const [, block] = /^```\w+\n(.*?)^```/ms.exec(section ?? "") ?? [];
  if (block === undefined) throw new Error(`docs/engines.md has no configuration below "${heading}"`);
  return block.replaceAll("/usr/local/bin/tsrun-oci", TSRUN_OCI);
}

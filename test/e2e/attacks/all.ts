/** Every attack that there is. */
import type { Attack } from "./attack.ts";
import { descriptorAttacks } from "./descriptors.ts";
import { identityAttacks } from "./identity.ts";
import { kernelFileAttacks } from "./kernel-files.ts";
import { neighbourAttacks } from "./neighbours.ts";
import { programAttacks } from "./program.ts";
import { rootAttacks } from "./roots.ts";

export const attacks: readonly Attack[] = [
  ...descriptorAttacks,
  ...programAttacks,
  ...rootAttacks,
  ...identityAttacks,
  ...kernelFileAttacks,
  ...neighbourAttacks,
];

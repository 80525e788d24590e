import { identityAttacks } from "./attacks/identity.ts";
import { kernelFileAttacks } from "./attacks/kernel-files.ts";
import { neighbourAttacks } from "./attacks/neighbours.ts";
import { expectSuccess } from "./attacks/on-weakened.ts";

expectSuccess([...identityAttacks, ...kernelFileAttacks, ...neighbourAttacks]);

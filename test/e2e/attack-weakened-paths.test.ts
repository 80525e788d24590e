import { descriptorAttacks } from "./attacks/descriptors.ts";
import { expectSuccess } from "./attacks/on-weakened.ts";
import { programAttacks } from "./attacks/program.ts";
import { rootAttacks } from "./attacks/roots.ts";

expectSuccess([...descriptorAttacks, ...programAttacks, ...rootAttacks]);

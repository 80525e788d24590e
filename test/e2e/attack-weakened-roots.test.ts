import { expectSuccess } from "./attacks/on-weakened.ts";
import { rootAttacks } from "./attacks/roots.ts";

expectSuccess(rootAttacks);

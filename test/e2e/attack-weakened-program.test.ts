import { expectSuccess } from "./attacks/on-weakened.ts";
import { programAttacks } from "./attacks/program.ts";

expectSuccess(programAttacks);

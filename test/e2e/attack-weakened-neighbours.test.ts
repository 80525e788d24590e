import { neighbourAttacks } from "./attacks/neighbours.ts";
import { expectSuccess } from "./attacks/on-weakened.ts";

expectSuccess(neighbourAttacks);

import { identityAttacks } from "./attacks/identity.ts";
import { expectSuccess } from "./attacks/on-weakened.ts";

expectSuccess(identityAttacks);

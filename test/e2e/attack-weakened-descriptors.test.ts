import { descriptorAttacks } from "./attacks/descriptors.ts";
import { expectSuccess } from "./attacks/on-weakened.ts";

expectSuccess(descriptorAttacks);

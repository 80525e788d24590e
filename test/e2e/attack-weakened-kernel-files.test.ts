import { kernelFileAttacks } from "./attacks/kernel-files.ts";
import { expectSuccess } from "./attacks/on-weakened.ts";

expectSuccess(kernelFileAttacks);

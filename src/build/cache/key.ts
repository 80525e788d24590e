/** Keys of the cache: one digest of all that decides about a step's result. */
import { sha256 } from "../../kernel/sha256.ts";

/** Changes whenever steps are executed differently, so that no older result is taken for one of now. */
const VERSION = 1;

/** Of anything that JSON can say; the order of properties counts. */
export const cacheKey = (parts: object): string => sha256(JSON.stringify({ version: VERSION, ...parts }));

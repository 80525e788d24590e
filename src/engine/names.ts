/** Container ids and names. */
import { TsrunError } from "../errors.ts";
import { randomBytes } from "../kernel/random.ts";
import { ADJECTIVES, SURNAMES } from "./name-words.ts";

/**
 * A random id: 64 hexadecimal digits. The first 12, which serve as the short id and the default hostname, are never
 * all decimal: a name that reads as a number is taken for one in many places (RFC 1123 section 2.1).
 */
export function generateId(random: () => string = () => randomBytes(32).toString("hex")): string {
  for (;;) {
    const id = random();
    if (!/^\d{12}/.test(id)) return id;
  }
}

/** A random name: "patient_hopper". About ten thousand exist, so a caller tries again, in the end with a number. */
export function generateName(attempt = 0): string {
  const adjective = pick(ADJECTIVES);
  const surname = pick(SURNAMES);
  // Steve Wozniak is not boring.
  if (adjective === "boring" && surname === "wozniak") return generateName(attempt);
  return `${adjective}_${surname}${attempt > 5 ? randomBelow(10) : ""}`;
}

/** Throws ERR_TSRUN_NAME_INVALID for a name that docker would not take. */
export function validateContainerName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new TsrunError(
    "ERR_TSRUN_NAME_INVALID",
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { hint: "at least two characters, the first a letter or a digit" },
  );
}

function pick(words: readonly string[]): string {
  return words[randomBelow(words.length)] as string;
}

/** Names are looked for, not kept secret. */
function randomBelow(limit: number): number {
  return Math.floor(Math.random() * limit);
}

/** The key sequence that leaves a container running: ctrl-p ctrl-q, or what --detach-keys says. */

export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** ctrl-@ is 0, ctrl-a to ctrl-z are 1 to 26, and ctrl-[ \ ] ^ _ are 27 to 31. */
const CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/** The bytes of a sequence in docker's notation, "ctrl-p,ctrl-q" or "a,b"; "" is none. Throws on others. */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === "") return new Uint8Array();
  return Uint8Array.from(text.split(","), (key) => {
    const control = /^ctrl-(.)$/.exec(key.toLowerCase())?.[1];
    if (control !== undefined && CONTROL.includes(control)) return CONTROL.indexOf(control);
    if (key.length === 1 && key.charCodeAt(0) < 0x80) return key.charCodeAt(0);
    throw new Error(`Unknown character: '${key}'`);
  });
}

export interface DetachFilter {
  /** What of the input to pass on; `detached` once the sequence is complete (what follows it is dropped). */
  feed(input: Uint8Array): { pass: Uint8Array; detached: boolean };
}

/**
 * Watches input for the sequence. Keys that begin it are held back, across chunks, until the next key shows whether
 * it goes on; those of an attempt that fails are passed on.
 */
export function createDetachFilter(keys: Uint8Array): DetachFilter {
  let matched = 0;
  return {
    feed(input) {
      if (keys.length === 0) return { pass: input, detached: false };
      if (matched === 0 && !input.includes(keys[0] as number)) return { pass: input, detached: false };
      const pass: number[] = [];
      for (const byte of input) {
        if (byte === keys[matched]) {
          matched++;
          if (matched === keys.length) return { pass: Uint8Array.from(pass), detached: true };
          continue;
        }
        const failed = [...keys.subarray(0, matched), byte];
        matched = longestPrefix(failed, keys);
        pass.push(...failed.slice(0, failed.length - matched));
      }
      return { pass: Uint8Array.from(pass), detached: false };
    },
  };
}

/** How many of the last bytes could still be the beginning of the sequence. */
function longestPrefix(bytes: readonly number[], keys: Uint8Array): number {
  for (let length = Math.min(bytes.length, keys.length - 1); length > 0; length--) {
    const start = bytes.length - length;
    if (keys.subarray(0, length).every((key, at) => key === bytes[start + at])) return length;
  }
  return 0;
}

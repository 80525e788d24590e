/** Waiting. node:timers/promises takes a fifth of a millisecond to load, which only those spend who do wait. */

/** Resolves after so many milliseconds; rejects with an AbortError when the signal is aborted. */
export const sleep = (ms: number, options?: { signal?: AbortSignal }): Promise<void> =>
  process.getBuiltinModule("node:timers/promises").setTimeout(ms, undefined, options);

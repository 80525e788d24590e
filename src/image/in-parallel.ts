/** Several pieces of work at once, of which each may make all others worthless. */

export interface ParallelOptions {
  limit: number;
  /** Keeps what has not begun from beginning; `stop` is called with the first failure, so that the others end too. */
  signal: AbortSignal;
  stop(reason: unknown): void;
}

/** Ends when all are done, or throws the first failure once none is being worked on any more. */
export async function inParallel<Item>(
  items: Iterable<Item>,
  { limit, signal, stop }: ParallelOptions,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  async function work(): Promise<void> {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      signal.throwIfAborted();
      await act(item);
    }
  }
  const failures: unknown[] = [];
  const meet = (error: unknown) => {
    failures.push(error);
    stop(error);
  };
  await Promise.all(Array.from({ length: limit }, () => work().catch(meet)));
  if (failures.length > 0) throw failures[0];
}

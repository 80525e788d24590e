/**
 * Moments in which no overlay is about to be mounted. A layer that was made in the scratch folder moves to its place in
 * the store beside the steps that are built upon it: a mount that is there does not care, but one whose Plan is written
 * down already would look for it where it was.
 */
export class Quiet {
  #starting = 0;
  #waiting: (() => void)[] = [];

  /** Runs what names layers by their paths and mounts them, up to when that is done. */
  async during<T>(start: () => Promise<T>): Promise<T> {
    this.#starting += 1;
    try {
      return await start();
    } finally {
      this.#starting -= 1;
      if (this.#starting === 0) for (const act of this.#waiting.splice(0)) act();
    }
  }

  /** Calls `act`, which is synchronous, as soon as nothing starts. */
  moment(act: () => void): Promise<void> {
    if (this.#starting === 0) {
      act();
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          act();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

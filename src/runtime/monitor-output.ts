/**
 * One of the two streams of a process's output. What has arrived waits here until somebody says where it is to go: into
 * a stream of node's, which takes milliseconds to load, to a function, or nowhere.
 */
import type { Readable } from "node:stream";

/** Returns whether it takes more at once; where not, it calls `resume` when it does. */
interface Sink {
  push(data: Buffer): boolean;
  end(): void;
}

/** So much is taken in while nobody has asked for it, as node's streams do. */
const HIGH_WATER_MARK = 64 * 1024;

export class MonitorOutput {
  readonly #resume: () => void;
  #sink: Sink | undefined;
  #stream: Readable | undefined;
  #waiting: Buffer[] = [];
  #ended = false;

  /** `resume` lets more arrive, after push() has returned false. */
  constructor(resume: () => void) {
    this.#resume = resume;
  }

  push(data: Buffer): boolean {
    if (this.#sink) return this.#sink.push(data);
    this.#waiting.push(data);
    return this.#waiting.reduce((sum, { length }) => sum + length, 0) < HIGH_WATER_MARK;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink?.end();
  }

  get stream(): Readable {
    this.#stream ??= this.#openStream();
    return this.#stream;
  }

  /** Gives `take` each piece once it is done with the one before; resolves at the end, rejects as `take` does. */
  async read(take: (data: Buffer) => Promise<void>): Promise<void> {
    if (this.#stream) {
      for await (const data of this.#stream) await take(data as Buffer);
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let work = Promise.resolve();
    const fail = (error: unknown): void => {
      this.#sink = NOWHERE;
      reject(error);
      this.#resume();
    };
    this.#connect({
      push: (data) => {
        work = work.then(() => take(data));
        work.then(this.#resume, fail);
        return false;
      },
      end: () => void work.then(resolve, fail),
    });
    return promise;
  }

  /** Throws it away, so that a process nobody listens to is not held up. */
  ignore(): void {
    if (this.#stream) this.#stream.resume();
    else this.#connect(NOWHERE);
  }

  #openStream(): Readable {
    const { Readable } = process.getBuiltinModule("node:stream");
    const stream = new Readable({
      read: this.#resume,
      // One that its reader has destroyed takes nothing any more, and must not hold up the other frames.
      destroy: (error, done) => {
        this.#resume();
        done(error);
      },
    });
    this.#connect({
      push: (data) => stream.destroyed || stream.push(data),
      end: () => void stream.push(null),
    });
    return stream;
  }

  #connect(sink: Sink): void {
    this.#sink = sink;
    for (const data of this.#waiting.splice(0)) sink.push(data);
    if (this.#ended) sink.end();
    else this.#resume();
  }
}

const NOWHERE: Sink = { push: () => true, end: () => {} };

/**
 * A connected socket that a thread of libuv's pool reads, by a read(2) that blocks. It is for a process that is there for
 * one container: node:net takes 4 ms to load and set up, a tenth of a whole `exec`. A thread is too dear for more.
 *
 * exit(3) waits for the thread: while a read is under way the process ends by _exit(2), see exitProcess().
 */
import { EventEmitter } from "node:events";
import { closeSync, read, writeSync } from "node:fs";
import { shutdown } from "../kernel/sockets.ts";

/** What a MonitorClient needs of its socket: a part of node:net's. */
export interface MonitorSocket {
  readonly destroyed: boolean;
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  on(event: "close" | "error", listener: () => void): unknown;
  once(event: "close", listener: () => void): unknown;
  write(frame: Buffer): unknown;
  pause(): unknown;
  resume(): unknown;
  end(sent: () => void): unknown;
  destroy(): unknown;
}

const CHUNK = 64 * 1024;

/** `fd` is its own from now on. Nothing is read before resume(). */
export class ThreadSocket extends EventEmitter implements MonitorSocket {
  destroyed = false;
  readonly #fd: number;
  #reading = false;
  #paused = true;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  /** Waits where the other side is slow: what is written here are single frames. */
  write(frame: Buffer): void {
    if (this.destroyed) return;
    try {
      for (let rest = frame; rest.length > 0; ) rest = rest.subarray(writeSync(this.#fd, rest));
    } catch {
      // The other side has gone, of which the next read tells.
    }
  }

  end(sent: () => void): void {
    if (!this.destroyed) shutdown(this.#fd, "write");
    queueMicrotask(sent);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (this.#reading) shutdown(this.#fd, "both");
    else this.#close();
  }

  #read(): void {
    if (this.#reading || this.#paused || this.destroyed) return;
    this.#reading = true;
    read(this.#fd, Buffer.allocUnsafe(CHUNK), 0, CHUNK, null, (error, length, buffer) => {
      this.#reading = false;
      if (error !== null || length === 0 || this.destroyed) {
        this.destroyed = true;
        this.#close();
        return;
      }
      this.emit("data", buffer.subarray(0, length));
      this.#read();
    });
  }

  #close(): void {
    closeSync(this.#fd);
    queueMicrotask(() => this.emit("close"));
  }
}

/**
 * The other end of a monitor's socket: the process's streams, its start and its end.
 *
 * The launcher's own connection sees the whole life (`started`, `exited`); one made later by connectMonitor() starts
 * in the middle of it and gets output, and the end.
 */
import { closeSync, constants, openSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { TsrunError } from "../errors.ts";
import { dataFrame, FRAME, FRAME_MAX, frameParser, numberFrame, STDIN_WINDOW } from "./frames.ts";
import type { RestartCondition } from "./launch.ts";
import { MonitorOutput } from "./monitor-output.ts";
import { type MonitorSocket, ThreadSocket } from "./thread-socket.ts";

/** In the order of their numbers (enum restart_on in native/monitor/options.h). */
const RESTART_CONDITIONS = ["never", "always", "failure"] as const satisfies RestartCondition[];

export interface MonitorExit {
  /** 128+n where signal n ended the process. */
  exitCode: number;
  oomKilled: boolean;
}

/** A step of the Plan failed. */
export interface StepFailure {
  step: number;
  errno: number;
  /** The child, which waits with its namespaces as they are; 0 where the failure came before clone. */
  pid: number;
}

export class MonitorClient {
  /** The process id on the host once execve has succeeded, or the step that failed. */
  readonly started: Promise<number | StepFailure>;
  /** The end; rejects with ERR_TSRUN_MONITOR_DIED where the monitor went without a word, and after detach(). */
  readonly exited: Promise<MonitorExit>;
  /** Resolves when the monitor has closed the connection. */
  readonly closed: Promise<void>;
  /** Whether it was this side that let go. */
  detached = false;
  /** Called when the Plan stops at a `wait` step, with the process id; goOn() lets it continue. */
  onWaiting: (step: number, pid: number) => void = () => this.goOn();

  readonly #socket: MonitorSocket;
  readonly #output: Record<"stdout" | "stderr", MonitorOutput>;
  readonly #start = Promise.withResolvers<number | StepFailure>();
  readonly #exit = Promise.withResolvers<MonitorExit>();
  #credit = STDIN_WINDOW;
  #onCredit: (() => void) | undefined;
  #stdin: Writable | undefined;

  constructor(socket: MonitorSocket) {
    this.#socket = socket;
    this.started = this.#start.promise;
    this.exited = this.#exit.promise;
    // Whoever does not wait for one of these shall not be ended by its rejection.
    this.started.catch(() => {});
    this.exited.catch(() => {});
    const resume = (): void => void socket.resume();
    this.#output = { stdout: new MonitorOutput(resume), stderr: new MonitorOutput(resume) };
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#end();
        resolve();
      });
    });
    socket.on("error", () => {}); // "close" follows and says all there is to say
    socket.on(
      "data",
      frameParser((type, payload) => this.#receive(type, payload)),
    );
    resume();
  }

  get stdout(): Readable {
    return this.#output.stdout.stream;
  }

  get stderr(): Readable {
    return this.#output.stderr.stream;
  }

  get stdin(): Writable {
    this.#stdin ??= this.#openStdin();
    return this.#stdin;
  }

  /** Instead of the streams; `take` gets the next piece of either when it is done with the one before. */
  async readOutput(take: (from: "stdout" | "stderr", data: Buffer) => Promise<void>): Promise<void> {
    const { stdout, stderr } = this.#output;
    await Promise.all([
      stdout.read((data) => take("stdout", data)),
      stderr.read((data) => take("stderr", data)),
    ]);
  }

  goOn(): void {
    this.#socket.write(numberFrame(FRAME.continue));
  }

  resize(rows: number, columns: number): void {
    this.#socket.write(numberFrame(FRAME.resize, rows, columns));
  }

  /** Sends a signal to the process, which the monitor as its parent cannot mistake for another. */
  signal(number: number): void {
    this.#socket.write(numberFrame(FRAME.signal, number));
  }

  /** What ends now is to stay ended; a container that waits to be started again has ended. */
  stopping(): void {
    this.#socket.write(numberFrame(FRAME.stopping));
  }

  /** Which ends of the process are followed by a start from now on. */
  setRestart(condition: RestartCondition): void {
    this.#socket.write(numberFrame(FRAME.restart, RESTART_CONDITIONS.indexOf(condition)));
  }

  /** Files that are to go at the end as well, as those do that the monitor was started with. */
  removeAtEnd(paths: readonly string[]): void {
    for (const path of paths) this.#socket.write(dataFrame(FRAME.unlink, Buffer.from(path)));
  }

  /** What is recorded after the end, one line each, instead of what the monitor was started with; as many as a frame holds. */
  recordAtEnd(lines: readonly string[]): void {
    const text = Buffer.from(lines.join("\n"));
    const end = text.length > FRAME_MAX ? text.lastIndexOf("\n", FRAME_MAX) : text.length;
    this.#socket.write(dataFrame(FRAME.events, text.subarray(0, end)));
  }

  /** Tells the monitor that this client looks after what remains. */
  acknowledge(): void {
    if (!this.#socket.destroyed) this.#socket.write(numberFrame(FRAME.ack));
  }

  /** Resolves when all that was said to the monitor is on its way, or the connection is gone. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.end(() => resolve());
      this.#socket.once("close", () => resolve());
    });
  }

  /** Lets go of the process; it lives on. */
  detach(): void {
    this.detached = true;
    this.#socket.destroy();
  }

  /** Throws the output away, so that a process nobody listens to is not held up. */
  ignoreOutput(): void {
    this.#output.stdout.ignore();
    this.#output.stderr.ignore();
  }

  #receive(type: number, payload: Buffer): void {
    const number = (index: number): number => payload.readUInt32LE(index * 4);
    if (type === FRAME.stdout) this.#push(this.#output.stdout, payload);
    else if (type === FRAME.stderr) this.#push(this.#output.stderr, payload);
    else if (type === FRAME.started) this.#start.resolve(number(0));
    else if (type === FRAME.failed)
      this.#start.resolve({ step: number(0), errno: number(1), pid: number(2) });
    else if (type === FRAME.waiting) this.onWaiting(number(0), number(1));
    else if (type === FRAME.credit) this.#grant(number(0));
    else if (type === FRAME.exited) {
      this.#exit.resolve({ exitCode: number(0), oomKilled: number(1) !== 0 });
      this.#endOutput();
    }
  }

  #push(output: MonitorOutput, data: Buffer): void {
    if (!output.push(data)) this.#socket.pause();
  }

  #endOutput(): void {
    this.#output.stdout.end();
    this.#output.stderr.end();
  }

  #end(): void {
    const gone = this.detached
      ? new TsrunError(
          "ERR_TSRUN_DETACHED",
          "this client has let go of the process and will not hear of its end",
        )
      : new TsrunError("ERR_TSRUN_MONITOR_DIED", "the container's monitor process ended without a word", {
          hint: "the container went with it; `tsrun ps -a` tells its state, `tsrun rm -f` removes it",
        });
    this.#start.reject(gone);
    this.#exit.reject(gone);
    this.#endOutput();
    this.#grant(0); // what waits for credit has waited in vain
    this.#stdin?.destroy();
  }

  #openStdin(): Writable {
    const { Writable } = process.getBuiltinModule("node:stream");
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => this.#writeStdin(chunk, done),
      final: (done) => {
        this.#socket.write(numberFrame(FRAME.closeStdin));
        done();
      },
    });
    stdin.on("error", () => {});
    if (this.#socket.destroyed) stdin.destroy();
    return stdin;
  }

  #grant(bytes: number): void {
    this.#credit += bytes;
    const waiting = this.#onCredit;
    this.#onCredit = undefined;
    waiting?.();
  }

  #writeStdin(chunk: Buffer, done: (error?: Error | null) => void): void {
    let rest = chunk;
    const send = (): void => {
      if (this.#socket.destroyed) {
        done(new Error("the process's stdin is gone"));
        return;
      }
      while (rest.length > 0 && this.#credit > 0) {
        const part = rest.subarray(0, Math.min(rest.length, FRAME_MAX, this.#credit));
        this.#credit -= part.length;
        rest = rest.subarray(part.length);
        this.#socket.write(dataFrame(FRAME.stdin, part));
      }
      if (rest.length === 0) done();
      else this.#onCredit = send;
    };
    send();
  }
}

/** The launcher's end of a socket pair; `solitary` as in Launch. */
export function adoptMonitorSocket(fd: number, solitary: boolean): MonitorClient {
  if (solitary) return new MonitorClient(new ThreadSocket(fd));
  const { Socket } = process.getBuiltinModule("node:net");
  return new MonitorClient(new Socket({ fd, readable: true, writable: true }));
}

/**
 * Connects to the monitor that listens in a container's run directory; throws the connection's error, ENOENT or
 * ECONNREFUSED where none does.
 */
export async function connectMonitor(runDir: string): Promise<MonitorClient> {
  // A socket's path may be 108 bytes long (unix(7)), which the directory's may exceed: go through a descriptor of it.
  const { connect } = process.getBuiltinModule("node:net");
  const directory = openSync(runDir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const socket = connect(`/proc/self/fd/${directory}/attach.sock`);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new MonitorClient(socket);
  } finally {
    closeSync(directory);
  }
}

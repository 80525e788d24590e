/**
 * The progress of a pull: one total with rate and time left. On a terminal it is a line that is rewritten in place;
 * elsewhere a plain line every two seconds and one at the end, so that a log shows that something happens.
 */
import type { PullEvent } from "../../engine/api.ts";
import { humanSize } from "./size.ts";

const REDRAW_MS = 100;
const PLAIN_MS = 2000;
const CLEAR = "\r\x1b[K";

export interface ProgressOptions {
  write: (text: string) => void;
  isTerminal: boolean;
  /** Columns of the terminal. */
  columns?: number;
  /** Milliseconds, monotonic. */
  now?: () => number;
}

export interface Progress {
  event: (event: PullEvent) => void;
  /** Ends the line, whatever became of the pull. */
  end: () => void;
}

export function createProgress(options: ProgressOptions): Progress {
  const { write, isTerminal, columns = 80, now = () => performance.now() } = options;
  const interval = isTerminal ? REDRAW_MS : PLAIN_MS;
  const rate = createRate();
  let shownAt = now();
  let shownBytes = -1;
  let received = 0;
  let total = 0;

  const show = (time: number): void => {
    shownAt = time;
    shownBytes = received;
    const line = progressLine(received, total, rate.perSecond());
    write(isTerminal ? `${CLEAR}${line.slice(0, columns - 1)}` : `${line}\n`);
  };
  return {
    event(event) {
      if (event.type === "retry") {
        // No delay is a mirror's failure: what comes next is another place.
        const next =
          event.delayMs === 0 ? "the next source" : `again in ${Math.ceil(event.delayMs / 1000)} s`;
        write(`${isTerminal ? CLEAR : ""}${event.what}: ${event.reason}; trying ${next}\n`);
      }
      if (event.type !== "progress") return;
      const time = now();
      rate.add(event.receivedBytes, time);
      received = event.receivedBytes;
      total = event.totalBytes;
      if (time - shownAt >= interval) show(time);
    },
    end() {
      if (isTerminal) {
        if (shownBytes >= 0) write(CLEAR);
      } else if (received > 0 && shownBytes !== received) show(now());
    },
  };
}

/** "12.3MB of 28.1MB (44%), 6.1MB/s, 3 s left". */
export function progressLine(received: number, total: number, perSecond: number): string {
  const parts = [
    total > 0
      ? `${humanSize(received)} of ${humanSize(total)} (${percent(received, total)}%)`
      : humanSize(received),
  ];
  if (perSecond > 0) parts.push(`${humanSize(perSecond)}/s`);
  if (perSecond > 0 && received < total) parts.push(`${timeLeft((total - received) / perSecond)} left`);
  return parts.join(", ");
}

const percent = (received: number, total: number): number =>
  Math.min(100, Math.floor((received / total) * 100));

function timeLeft(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Bytes a second over the last few seconds: steady enough to read, quick enough to follow a change. */
function createRate(windowMs = 5000): {
  add: (bytes: number, time: number) => void;
  perSecond: () => number;
} {
  const samples: { bytes: number; time: number }[] = [];
  return {
    add(bytes, time) {
      samples.push({ bytes, time });
      while (samples.length > 2 && time - (samples[0] as { time: number }).time > windowMs) samples.shift();
    },
    perSecond() {
      const first = samples[0];
      const last = samples.at(-1);
      if (first === undefined || last === undefined || last.time <= first.time) return 0;
      return ((last.bytes - first.bytes) / (last.time - first.time)) * 1000;
    },
  };
}

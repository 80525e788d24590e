/**
 * The progress of a build on a terminal: a list of steps that is drawn over itself. What runs shows its time and the
 * last lines of its output; what has ended is one line. Where the terminal is too low, the oldest that have ended go.
 */
import type { BuildEvent } from "../../../build/types.ts";
import { type BuildDisplay, failedSteps } from "./plain.ts";
import { amount, isCanceled, type Step, Steps } from "./steps.ts";
import { cut, padded, printable, rowsOf } from "./width.ts";

interface Options {
  write(text: string): void;
  /** Milliseconds, monotonic. */
  now(): number;
  size(): { rows: number; columns: number } | undefined;
  colors: boolean;
}

const REDRAW_MS = 100;
/** Lines of output below each step that runs. */
const TAIL = 6;
/** Narrower than this, a name would say nothing. */
const MIN_NAME = 12;

const UP = (lines: number): string => (lines > 0 ? `\x1b[${lines}A` : "");
const ERASE_LINE_END = "\x1b[K";
const ERASE_BELOW = "\x1b[J";
const COLORS = { done: "\x1b[34m", error: "\x1b[31m", warning: "\x1b[33m", faint: "\x1b[2m" };
const PLAIN = "\x1b[0m";

interface Row {
  text: string;
  color?: keyof typeof COLORS | undefined;
  /** May go first where there is no room. */
  old: boolean;
}

export function terminalDisplay({ write, now, size, colors }: Options): BuildDisplay {
  const steps = new Steps();
  const beganAt = now();
  let drawn: string[] = [];
  let dirty = true;
  let timer: NodeJS.Timeout | undefined;

  const draw = (whole: boolean): void => {
    if (steps.all.size === 0) return;
    const { rows = 24, columns = 80 } = size() ?? {};
    const all = listing(steps, { now: now(), beganAt, columns, whole });
    const shown = whole ? all : fitting(all, rows - 1);
    // The terminal may have become narrower since, and what was drawn takes more rows now.
    const above = drawn.reduce((sum, line) => sum + rowsOf(line, columns), 0);
    const lines = shown.map(({ text, color }) =>
      colors && color !== undefined ? `${COLORS[color]}${text}${PLAIN}` : text,
    );
    write(`${UP(above)}\r${lines.map((line) => `${line}${ERASE_LINE_END}\n`).join("")}${ERASE_BELOW}`);
    drawn = shown.map(({ text }) => text);
    dirty = false;
  };

  const tick = (): void => {
    const runs = [...steps.all.values()].some(isRunning);
    if (dirty || runs) draw(false);
  };

  return {
    event(event: BuildEvent) {
      steps.take(event, now());
      dirty = true;
      timer ??= setInterval(tick, REDRAW_MS);
    },
    pause() {
      clearInterval(timer);
      timer = undefined;
      draw(false);
      drawn = [];
    },
    end() {
      clearInterval(timer);
      draw(true);
      write(failedSteps(steps, Number.POSITIVE_INFINITY, printable));
    },
  };
}

const isRunning = ({ startedAt, finishedAt }: Step): boolean =>
  startedAt !== undefined && finishedAt === undefined;

interface Listing {
  now: number;
  beganAt: number;
  columns: number;
  /** The build is over. */
  whole: boolean;
}

function listing(steps: Steps, options: Listing): Row[] {
  const all = [...steps.all.values()];
  const started = all.filter(({ startedAt }) => startedAt !== undefined);
  const finished = started.filter(({ finishedAt }) => finishedAt !== undefined);
  const state = options.whole && finished.length === all.length ? " FINISHED" : "";
  const seconds = ((options.now - options.beganAt) / 1000).toFixed(1);
  const title = `[+] Building ${seconds}s (${finished.length}/${all.length})${state}`;
  // As they began: what is below is what happens now.
  const inOrder = started.toSorted((a, b) => (a.startedAt as number) - (b.startedAt as number));
  return [
    { text: cut(title, options.columns), old: false },
    ...inOrder.flatMap((step) => rowsOfStep(step, options)),
  ];
}

function rowsOfStep(step: Step, options: Listing): Row[] {
  const { now, columns, whole } = options;
  const old = step.finishedAt !== undefined;
  const mark = isCanceled(step)
    ? "CANCELED "
    : step.error !== undefined
      ? "ERROR "
      : step.cached
        ? "CACHED "
        : "";
  const color = !old ? undefined : isCanceled(step) ? "warning" : step.error !== undefined ? "error" : "done";
  const rows: Row[] = [];
  const add = (name: string, seconds: number, row: Partial<Row> & { note?: string }): void => {
    const line = nameLine(name, { seconds, columns, note: row.note ?? "" });
    if (line !== undefined) rows.push({ text: line, color: row.color, old: row.old ?? old });
  };
  add(mark + step.name, duration(step, now), { color });
  for (const part of step.parts.values()) {
    const isDone = part.finishedAt !== undefined || old;
    const seconds = ((part.finishedAt ?? step.finishedAt ?? now) - part.startedAt) / 1000;
    add(`=> ${part.id}`, seconds, { note: amount(part), old: isDone, color: isDone ? "done" : undefined });
  }
  for (const warning of step.warnings)
    add(`WARN: ${warning}`, duration(step, now), { color: "warning", old });
  if (old || whole) return rows;
  for (const text of tailOf(step))
    rows.push({ text: cut(` => => # ${text}`, columns), color: "faint", old: false });
  return rows;
}

/** The last lines of its output, with what has no newline yet. */
function tailOf(step: Step): string[] {
  const open = [step.rest.stdout, step.rest.stderr].filter((text) => text !== "");
  const texts = [...step.lines.slice(-TAIL).map(({ text }) => text), ...open];
  return texts
    .map(printable)
    .filter((text) => text.trim() !== "")
    .slice(-TAIL);
}

const duration = ({ startedAt, finishedAt }: Step, now: number): number =>
  ((finishedAt ?? now) - (startedAt ?? now)) / 1000;

/** " => NAME  NOTE   1.2s", as wide as the terminal; undefined where that leaves no room for the name. */
function nameLine(
  name: string,
  { seconds, columns, note }: { seconds: number; columns: number; note: string },
): string | undefined {
  const time = `${(seconds < 0.05 ? 0 : seconds).toFixed(1)}s`;
  let room = columns - " => ".length - time.length - 1;
  const withNote = note !== "" && room - note.length - 1 > MIN_NAME;
  if (withNote) room -= note.length + 1;
  if (room < MIN_NAME) return undefined;
  return ` => ${padded(cut(printable(name), room), room)} ${withNote ? `${note} ` : ""}${time}`;
}

/** As many rows as there is room for: those that have ended go first, the oldest of them before the others. */
function fitting(rows: readonly Row[], room: number): Row[] {
  let over = rows.length - room;
  if (over <= 0) return [...rows];
  const kept = rows.filter(({ old }, at) => {
    if (at === 0 || !old || over <= 0) return true;
    over--;
    return false;
  });
  return kept.length <= room
    ? kept
    : [...kept.slice(0, 1), ...kept.slice(kept.length - Math.max(0, room - 1))];
}

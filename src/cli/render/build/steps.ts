/** What is known of a build's steps, gathered from its events: every display of the progress draws from it. */
import { StringDecoder } from "node:string_decoder";
import type { BuildEvent } from "../../../build/types.ts";

export interface Part {
  readonly id: string;
  readonly startedAt: number;
  current: number;
  total: number | undefined;
  finishedAt: number | undefined;
}

export interface Step {
  readonly step: number;
  readonly name: string;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  cached: boolean;
  error: string | undefined;
  readonly parts: Map<string, Part>;
  readonly warnings: string[];
  /** Complete lines of its output, the oldest gone where there are very many, each with its time in seconds. */
  readonly lines: Line[];
  /** Output after the last newline, by stream. */
  readonly rest: { stdout: string; stderr: string };
}

export interface Line {
  readonly seconds: number;
  readonly text: string;
}

/** Of one step: more than anybody reads, less than what would hurt. */
const MAX_LINES = 10_000;
/** A line without an end is cut here. */
const MAX_LINE = 64 * 1024;

export const isCanceled = ({ error }: Pick<Step, "error">): boolean => error?.endsWith("canceled") ?? false;

/** Keeps the steps in the order in which they were announced. */
export class Steps {
  readonly all = new Map<number, Step>();
  readonly #decoders = new Map<string, StringDecoder>();

  /** Takes an event in; returns its step, and the lines of output that are complete with it. */
  take(event: BuildEvent, now: number): { step: Step; lines: Line[] } | undefined {
    if (event.type === "step") {
      const known = this.all.get(event.step);
      if (known !== undefined) return undefined;
      this.all.set(event.step, newStep(event.step, event.name));
      return undefined;
    }
    const step = this.all.get(event.step);
    if (step === undefined) return undefined;
    switch (event.type) {
      case "started":
        step.startedAt = now;
        return { step, lines: [] };
      case "cached":
        step.cached = true;
        step.startedAt ??= now;
        step.finishedAt ??= now;
        return { step, lines: [] };
      case "output":
        return { step, lines: this.#output(step, event.stream, { data: event.data, now }) };
      case "progress":
        takePart(step, event, now);
        return { step, lines: [] };
      case "warning":
        step.warnings.push(warningLine(event.warning));
        return { step, lines: [] };
      case "finished": {
        const lines = endLines(step, now);
        step.startedAt ??= now;
        step.finishedAt ??= now;
        step.error = event.error;
        return { step, lines };
      }
    }
  }

  #output(step: Step, stream: "stdout" | "stderr", { data, now }: { data: Buffer; now: number }): Line[] {
    const key = `${step.step} ${stream}`;
    const decoder = this.#decoders.get(key) ?? new StringDecoder();
    this.#decoders.set(key, decoder);
    const pieces = (step.rest[stream] + decoder.write(data)).split("\n");
    const rest = pieces.pop() as string;
    if (rest.length > MAX_LINE) pieces.push(rest);
    step.rest[stream] = rest.length > MAX_LINE ? "" : rest;
    return keep(step, pieces, now);
  }
}

function newStep(step: number, name: string): Step {
  return {
    step,
    name,
    startedAt: undefined,
    finishedAt: undefined,
    cached: false,
    error: undefined,
    parts: new Map(),
    warnings: [],
    lines: [],
    rest: { stdout: "", stderr: "" },
  };
}

function keep(step: Step, texts: readonly string[], now: number): Line[] {
  const seconds = (now - (step.startedAt ?? now)) / 1000;
  const lines = texts.map((text) => ({ seconds, text: text.replace(/\r$/, "") }));
  step.lines.push(...lines);
  if (step.lines.length > MAX_LINES) step.lines.splice(0, step.lines.length - MAX_LINES);
  return lines;
}

/** What came without a newline at the end. */
function endLines(step: Step, now: number): Line[] {
  const texts = [step.rest.stdout, step.rest.stderr].filter((text) => text !== "");
  step.rest.stdout = "";
  step.rest.stderr = "";
  return keep(step, texts, now);
}

function takePart(
  step: Step,
  { id, current, total, done }: Extract<BuildEvent, { type: "progress" }>,
  now: number,
): void {
  const part = step.parts.get(id) ?? { id, startedAt: now, current, total, finishedAt: undefined };
  step.parts.set(id, part);
  part.current = current;
  part.total = total ?? part.total;
  if (done) part.finishedAt ??= now;
}

/** "StageNameCasing: Stage name 'Build' should be lowercase (line 3)". */
export const warningLine = ({
  rule,
  message,
  range,
}: Extract<BuildEvent, { type: "warning" }>["warning"]): string =>
  `${rule}: ${message} (line ${range.start.line})`;

/** Seconds as docker writes them: as many digits as a time of this length deserves. */
export function preciseSeconds(seconds: number): string {
  return seconds.toFixed(seconds < 10 ? 3 : seconds < 100 ? 2 : 1);
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** "3.42MB": two decimals, powers of a thousand. */
export function preciseBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(2)}${UNITS[unit]}`;
}

/** "3.42MB / 10.00MB", or as much of it as is known. */
export function amount({ current, total }: Part): string {
  if (total) return `${preciseBytes(current)} / ${preciseBytes(total)}`;
  return current > 0 ? preciseBytes(current) : "";
}

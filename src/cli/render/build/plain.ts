/**
 * The progress of a build as lines, in BuildKit's form: every line begins with its step's number, so that steps which
 * run side by side can be told apart. One step at a time has the word; what another one says meanwhile waits until the
 * first has ended, or for a few seconds.
 */
import type { BuildEvent } from "../../../build/types.ts";
import { amount, isCanceled, type Line, type Part, preciseSeconds, type Step, Steps } from "./steps.ts";

export interface BuildDisplay {
  event(event: BuildEvent): void;
  /** Somebody else writes until the next event. */
  pause(): void;
  /** After the last event: what is still to be said. */
  end(): void;
}

interface Options {
  write(text: string): void;
  /** Milliseconds, monotonic. */
  now(): number;
}

/** How long a step waits for the word while another one has it. */
const PATIENCE_MS = 5000;
/** Of a part: how much more of it is worth a line, but not at once, and how much time in any case. */
const PART_DELTA = 0.05;
const PART_PAUSE_MS = 250;
const PART_MS = 5000;
/** Of a failed step, once more at the end. */
const LAST_LINES = 10;

export function plainDisplay({ write, now }: Options): BuildDisplay {
  const steps = new Steps();
  const numbers = new Map<number, number>();
  /** Lines that wait, by step, in the order of their first. */
  const waiting = new Map<number, { since: number; lines: string[] }>();
  const shownParts = new Map<Part, { at: number; current: number; done: boolean }>();
  const concluded = new Set<Step>();
  let speaker: Step | undefined;
  let isFirst = true;
  let timer: NodeJS.Timeout | undefined;

  const numberOf = ({ step }: Step): number => {
    const number = numbers.get(step) ?? numbers.size + 1;
    numbers.set(step, number);
    return number;
  };

  const giveWord = (step: Step): void => {
    if (speaker === step) return;
    const interrupted = speaker === undefined ? "" : `#${numberOf(speaker)} ...\n`;
    write(`${interrupted}${isFirst ? "" : "\n"}#${numberOf(step)} ${step.name.replaceAll("\n", " ")}\n`);
    isFirst = false;
    speaker = step;
  };

  const speak = (step: Step): void => {
    const lines = waiting.get(step.step)?.lines ?? [];
    waiting.delete(step.step);
    giveWord(step);
    write(lines.map((line) => `#${numberOf(step)} ${line}\n`).join(""));
    if (step.finishedAt === undefined) return;
    // A warning can come later.
    if (!concluded.has(step)) write(`#${numberOf(step)} ${conclusion(step)}\n`);
    concluded.add(step);
    speaker = undefined;
  };

  /** Who has waited longest, where nobody speaks or it has waited too long. */
  const next = (): void => {
    clearTimeout(timer);
    for (;;) {
      const [first] = waiting;
      if (first === undefined) return;
      const [number, { since }] = first;
      const left = since + PATIENCE_MS - now();
      if (speaker !== undefined && left > 0) {
        timer = setTimeout(next, left);
        return;
      }
      speak(steps.all.get(number) as Step);
    }
  };

  const say = (step: Step, lines: readonly string[]): void => {
    const mine = waiting.get(step.step) ?? { since: now(), lines: [] };
    mine.lines.push(...lines);
    waiting.set(step.step, mine);
    // What has ended is said at once and whole.
    if (speaker === undefined || speaker === step || step.finishedAt !== undefined) speak(step);
    next();
  };

  const partLine = (part: Part): string[] => {
    const done = part.finishedAt !== undefined;
    const last = shownParts.get(part);
    if (last?.done) return [];
    const grown = part.total ? (part.current - (last?.current ?? 0)) / part.total : 0;
    const pause = last === undefined ? Number.POSITIVE_INFINITY : now() - last.at;
    const isWorth = done || pause >= PART_MS || (grown >= PART_DELTA && pause >= PART_PAUSE_MS);
    if (!isWorth) return [];
    shownParts.set(part, { at: now(), current: part.current, done });
    const seconds = ((part.finishedAt ?? now()) - part.startedAt) / 1000;
    const words = [part.id, amount(part), seconds > 0.01 ? `${seconds.toFixed(1)}s` : "", done ? "done" : ""];
    return [words.filter(Boolean).join(" ")];
  };

  return {
    event(event) {
      const taken = steps.take(event, now());
      if (taken === undefined) return;
      const { step, lines } = taken;
      const said = lines.map(lineOf);
      if (event.type === "progress") said.push(...partLine(step.parts.get(event.id) as Part));
      if (event.type === "warning") said.push(`WARN: ${step.warnings.at(-1)}`);
      if (event.type === "progress" && said.length === 0) return;
      if (event.type === "output" && said.length === 0) return;
      if (event.type === "finished" && step.cached) return;
      say(step, said);
    },
    pause() {
      clearTimeout(timer);
    },
    end() {
      clearTimeout(timer);
      speaker = undefined;
      for (const number of waiting.keys()) speak(steps.all.get(number) as Step);
      write(failedSteps(steps, LAST_LINES));
    },
  };
}

const lineOf = ({ seconds, text }: Line): string => `${preciseSeconds(seconds)} ${text}`;

function conclusion(step: Step): string {
  if (isCanceled(step)) return "CANCELED";
  if (step.error !== undefined) return `ERROR: ${step.error}`;
  if (step.cached) return "CACHED";
  return `DONE ${(((step.finishedAt ?? 0) - (step.startedAt ?? 0)) / 1000).toFixed(1)}s`;
}

/** The last lines of each step that failed, so that nobody has to look for them; "" where none did. */
export function failedSteps(steps: Steps, limit: number, show = (text: string) => text): string {
  const failed = [...steps.all.values()].filter((step) => step.error !== undefined && !isCanceled(step));
  return failed
    .map((step) => {
      const lines = step.lines
        .slice(-limit)
        .map(({ seconds, text }) => `${lineOf({ seconds, text: show(text) })}\n`);
      return `------\n > ${step.name}:\n${lines.join("")}------\n`;
    })
    .join("");
}

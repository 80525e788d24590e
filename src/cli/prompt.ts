/** Questions on the terminal that are answered with a line. */
import { constants } from "node:os";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import type { Input } from "./terminal.ts";

/** Asks, and returns the line that is typed; the terminal shows it. */
export async function promptLine(question: string, context: Context): Promise<string> {
  context.out(question);
  return await readLine(context.terminal.input());
}

/** The same for what nobody is to see: the terminal echoes nothing meanwhile. */
export async function promptHidden(question: string, context: Context): Promise<string> {
  const input = context.terminal.input();
  // In raw mode the terminal neither echoes nor edits; the little of it that a password needs is done here.
  const restore = (): void => void input.setRawMode?.(false);
  input.setRawMode?.(true);
  process.once("exit", restore);
  try {
    context.out(question);
    return await readTyped(input);
  } finally {
    process.off("exit", restore);
    restore();
    context.out("\n");
  }
}

/** Up to the line's end; what follows it stays with the next reader. */
async function readLine(input: Input): Promise<string> {
  let text = "";
  return await reading(input, (chunk) => {
    const end = chunk.indexOf("\n");
    text += end === -1 ? chunk : chunk.slice(0, end);
    return end === -1 ? undefined : { value: text.replace(/\r$/, ""), rest: chunk.slice(end + 1) };
  });
}

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const CTRL_U = "\x15";
const ERASE = new Set(["\b", "\x7f"]);

async function readTyped(input: Input): Promise<string> {
  let typed: string[] = [];
  return await reading(input, (chunk) => {
    const characters = [...chunk];
    for (const [i, character] of characters.entries()) {
      if (character === CTRL_C) throw interrupted();
      if (character === "\r" || character === "\n" || character === CTRL_D)
        return { value: typed.join(""), rest: characters.slice(i + 1).join("") };
      if (character === CTRL_U) typed = [];
      else if (ERASE.has(character)) typed.pop();
      else typed.push(character);
    }
    return undefined;
  });
}

type Take = (chunk: string) => { value: string; rest: string } | undefined;

/** Hands over what comes until `take` has what it wants, or the input ends. */
function reading(input: Input, take: Take): Promise<string> {
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      input.off("data", onData).off("end", onEnd).off("error", onEnd);
      input.pause();
      input.unref?.();
    };
    const onData = (chunk: Uint8Array | string): void => {
      try {
        const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
        const taken = take(text);
        if (taken === undefined) return;
        stop();
        if (taken.rest !== "") input.unshift(Buffer.from(taken.rest));
        resolve(taken.value);
      } catch (error) {
        stop();
        reject(error);
      }
    };
    // A terminal whose other end hangs up reports EIO instead of an end.
    const onEnd = (): void => {
      stop();
      reject(ended());
    };
    if (input.readableEnded) return reject(ended());
    input.on("data", onData).once("end", onEnd).once("error", onEnd);
    input.ref?.();
    input.resume();
  });
}

const ended = (): TsrunError =>
  new TsrunError("ERR_TSRUN_INPUT_ENDED", "the input ended before an answer came");

function interrupted(): TsrunError {
  const exitCode = 128 + constants.signals.SIGINT;
  return new TsrunError("ERR_TSRUN_INTERRUPTED", "interrupted by SIGINT", { exitCode });
}

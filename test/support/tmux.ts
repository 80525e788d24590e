/** A terminal with somebody sitting at it: a tmux server of the test's own, typed into and looked at. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const POLL_MS = 50;
const TIMEOUT_MS = 10_000;

export interface TmuxOptions {
  /** Holds the server's socket. */
  directory: string;
  env: NodeJS.ProcessEnv;
  columns?: number;
  rows?: number;
}

export interface Tmux {
  /** Types text as it is. */
  type(text: string): Promise<void>;
  /** Types a line and Enter. */
  line(text: string): Promise<void>;
  /** Keys as tmux names them: "C-c", "Enter". */
  keys(...keys: string[]): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** What the terminal shows, without what is blank at its end. */
  screen(): Promise<string>;
  /** Waits until the screen matches and returns it. */
  until(pattern: RegExp): Promise<string>;
  close(): Promise<void>;
}

/** Starts a terminal that runs a plain shell with the prompt `host$ `. */
export async function openTmux({ directory, env, columns = 80, rows = 24 }: TmuxOptions): Promise<Tmux> {
  // A name of its own: a server that is told to end may take the next one that uses its socket with it.
  const socket = join(directory, `tmux-${randomUUID()}`);
  // -f /dev/null: no configuration of whoever runs the test. TMUX unset: it may run inside another.
  const tmux = async (...args: string[]): Promise<string> =>
    (await run("tmux", ["-f", "/dev/null", "-S", socket, ...args], { env: { ...env, TMUX: "" } })).stdout;
  await tmux(
    ...["new-session", "-d", "-s", "user", "-x", String(columns), "-y", String(rows)],
    ...["-e", "PS1=host$ ", "/bin/bash", "--norc", "--noprofile", "--noediting"],
    ...[";", "set-option", "-g", "window-size", "manual"],
  );

  const screen = async (): Promise<string> => (await tmux("capture-pane", "-p", "-t", "user")).trimEnd();
  const type = async (text: string): Promise<void> =>
    void (await tmux("send-keys", "-t", "user", "-l", text));
  const keys = async (...names: string[]): Promise<void> =>
    void (await tmux("send-keys", "-t", "user", ...names));
  const terminal: Tmux = {
    type,
    keys,
    screen,
    async line(text) {
      await type(text);
      await keys("Enter");
    },
    resize: async (width, height) =>
      void (await tmux("resize-window", "-t", "user", "-x", String(width), "-y", String(height))),
    async until(pattern) {
      const deadline = performance.now() + TIMEOUT_MS;
      for (;;) {
        const shown = await screen();
        if (pattern.test(shown)) return shown;
        if (performance.now() > deadline) throw new Error(`the terminal does not show ${pattern}:\n${shown}`);
        await sleep(POLL_MS);
      }
    },
    close: async () => void (await tmux("kill-server").catch(() => "")),
  };
  try {
    await terminal.until(/host\$/);
    return terminal;
  } catch (error) {
    await terminal.close();
    throw error;
  }
}

/** Runs bin/tsrun as a user's shell would, with data, runtime state and configuration of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
export const TSRUN = join(REPOSITORY, "bin", "tsrun");

/** A command of these tests ends within seconds; one that hangs must not take the whole run with it. */
const TIMEOUT_MS = 60_000;

export interface CliResult {
  /** 128+n where signal n ended the command. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CliSettings {
  /** What the command reads; without it stdin is /dev/null. */
  input?: string | Uint8Array;
  /** Stdin is a pipe into which nothing is written and that stays open. */
  silentInput?: boolean;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
}

/** A command that still runs. */
export interface CliProcess {
  child: ChildProcess;
  /** Both so far. */
  output(): string;
  /** Waits until the output matches. */
  until(pattern: RegExp): Promise<void>;
  result: Promise<CliResult>;
}

export interface Cli {
  /** A directory for the test's own files, removed at the end. */
  directory: string;
  root: string;
  run: string;
  /** The environment that names them; `docker` and `tsrun` on its PATH are bin/tsrun. */
  env: NodeJS.ProcessEnv;
  tsrun(...args: string[]): Promise<CliResult>;
  tsrunWith(settings: CliSettings, ...args: string[]): Promise<CliResult>;
  /** Standard output of a command that has to succeed, without its last newline. */
  output(...args: string[]): Promise<string>;
  start(settings: CliSettings, ...args: string[]): CliProcess;
  /** Runs a line of a user's shell. */
  shell(line: string, settings?: CliSettings): Promise<CliResult>;
  startShell(line: string, settings?: CliSettings): CliProcess;
  /** Writes the configuration file, TSRUN_CONFIG. */
  configure(config: object): void;
  /** Ids of the containers on disk. */
  containers(): string[];
  close(): void;
}

/** `command` is the bin/tsrun of an installation: this checkout's, where it is not another one. */
export function createCli(command: string = TSRUN): Cli {
  const cli = planCli(command);
  cli.make();
  return cli;
}

/** The same before its directory is made: a file whose tests are all skipped has no hook that would remove it. */
export function planCli(command: string = TSRUN): Cli & { make(): void } {
  const directory = join(tmpdir(), `tsrun-e2e-${randomBytes(6).toString("hex")}`);
  const [root, run, bin] = ["root", "run", "bin"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const configFile = join(directory, "config.json");
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: directory,
    TERM: "xterm",
    TSRUN_ROOT: root,
    TSRUN_RUN: run,
    TSRUN_CONFIG: configFile,
  };

  const start: Cli["start"] = (settings, ...args) => launch(command, args, settings);
  const launch = (program: string, args: readonly string[], settings: CliSettings): CliProcess =>
    observe(program, args, { ...settings, env: { ...env, ...settings.env }, cwd: settings.cwd ?? directory });
  const cli: ReturnType<typeof planCli> = {
    directory,
    root,
    run,
    env,
    start,
    tsrun: (...args) => start({}, ...args).result,
    tsrunWith: (settings, ...args) => start(settings, ...args).result,
    async output(...args) {
      const { code, stdout, stderr } = await cli.tsrun(...args);
      if (code !== 0) throw new Error(`tsrun ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
      return stdout.replace(/\n$/, "");
    },
    shell: (line, settings) => cli.startShell(line, settings).result,
    startShell: (line, settings = {}) => launch("/bin/bash", ["-c", line], settings),
    configure: (config) => writeFileSync(configFile, JSON.stringify(config)),
    containers: () => (existsSync(join(root, "containers")) ? readdirSync(join(root, "containers")) : []),
    make() {
      mkdirSync(directory, { mode: 0o700 });
      mkdirSync(bin);
      for (const name of ["tsrun", "docker"]) symlinkSync(command, join(bin, name));
      cli.configure({});
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
  return cli;
}

type Observed = CliSettings & { env: NodeJS.ProcessEnv; cwd: string };

function observe(command: string, args: readonly string[], settings: Observed): CliProcess {
  const { env, cwd, input, silentInput = false } = settings;
  const stdin = input !== undefined || silentInput ? "pipe" : "ignore";
  const child = spawn(command, args, { env, cwd, stdio: [stdin, "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  let changed = Promise.withResolvers<void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] += chunk;
      changed.resolve();
      changed = Promise.withResolvers();
    });
  }
  // A command that does not want its input is no failure of the test.
  child.stdin?.on("error", () => {});
  if (!silentInput) child.stdin?.end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  const ended = once(child, "close").then(([code, signal]) => {
    clearTimeout(timer);
    if (signal === "SIGKILL") text.stderr += `\n[killed; it may have taken longer than ${TIMEOUT_MS} ms]\n`;
    return { code: code ?? 128 + SIGNAL_NUMBERS[signal as keyof typeof SIGNAL_NUMBERS], ...text };
  });
  const output = (): string => text.stdout + text.stderr;
  return {
    child,
    output,
    result: ended,
    async until(pattern) {
      let over = false;
      void ended.then(() => {
        over = true;
      });
      while (!pattern.test(output())) {
        if (over) throw new Error(`tsrun ${args.join(" ")} ended without ${pattern}:\n${output()}`);
        await Promise.race([changed.promise, ended]);
      }
    },
  };
}

const SIGNAL_NUMBERS = process.getBuiltinModule("node:os").constants.signals;

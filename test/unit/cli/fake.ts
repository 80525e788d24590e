/** A command line without a machine below it: a context that records what is printed, and containers to show. */
import { PassThrough } from "node:stream";
import type { Command, Context } from "../../../src/cli/command.ts";
import { parseArguments } from "../../../src/cli/parse.ts";
import { renderError } from "../../../src/cli/render/errors.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { loadConfig } from "../../../src/config.ts";
import type { ContainersApi, EngineApi, ExitStatus, ProcessHandle } from "../../../src/engine/api.ts";
import type { ContainerOptions, ContainerState, ContainerSummary } from "../../../src/engine/types.ts";

export const NOW = Date.parse("2024-05-01T12:00:00Z");

export interface Result {
  code: number;
  out: string;
  err: string;
}

/** Parses argv by the command's table and runs it on an engine that has only the given methods. */
/** What a test has of an engine. */
export type FakeEngine = Partial<ContainersApi> & {
  [Facet in Exclude<keyof EngineApi, keyof ContainersApi>]?: Partial<EngineApi[Facet]>;
};

export async function runCommand(
  // biome-ignore lint/suspicious/noExplicitAny: any command, whatever its table
  command: Command<any>,
  argv: readonly string[],
  {
    engine = {},
    terminal = {},
    env = {},
  }: { engine?: FakeEngine; terminal?: Partial<Terminal>; env?: Record<string, string> } = {},
): Promise<Result> {
  const result: Result = { code: -1, out: "", err: "" };
  const context: Context = {
    program: "tsrun test",
    env,
    config: () => loadConfig({ TSRUN_CONFIG: "" }),
    paths: () => ({ root: "/data", run: "/run/tsrun" }),
    engine: async () => engine as EngineApi,
    out(text) {
      result.out += text;
    },
    err(text) {
      result.err += text;
    },
    log: async () => {},
    terminal: { ...noTerminal, ...terminal },
    report: (error) => {
      result.err += renderError(error, { debug: false, program: "tsrun test", usage: undefined });
    },
    now: () => NOW,
  };
  const parsed = parseArguments(argv, command.options, command);
  result.code = await command.run(parsed, context);
  return result;
}

const noTerminal: Terminal = {
  isTerminal: () => false,
  input: () => new PassThrough(),
  size: () => undefined,
  onResize: () => () => {},
  stdout: 1,
  stderr: 2,
};

export interface FakeProcess extends ProcessHandle {
  stdin: PassThrough;
  stdout: PassThrough;
  stderr: PassThrough;
  signals: (string | number)[];
  sizes: [number, number][];
  detached: boolean;
  /** Ends the output, then the process. */
  end(status: Partial<ExitStatus>): void;
}

export function fakeProcess(): FakeProcess {
  const { promise, resolve } = Promise.withResolvers<ExitStatus>();
  const process: FakeProcess = {
    containerId: "c".repeat(64),
    containerName: "calm_curie",
    pid: 42,
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    async readOutput(take) {
      const read = async (from: "stdout" | "stderr") => {
        for await (const data of process[from]) await take(from, data);
      };
      await Promise.all([read("stdout"), read("stderr")]);
    },
    exited: promise,
    warnings: [],
    signals: [],
    sizes: [],
    detached: false,
    resize: (rows, columns) => void process.sizes.push([rows, columns]),
    kill: (signal) => void process.signals.push(signal),
    detach() {
      process.detached = true;
    },
    end(status) {
      process.stdout.end();
      process.stderr.end();
      resolve({ exitCode: 0, oomKilled: false, ...status });
    },
  };
  return process;
}

interface Differences extends Partial<Omit<ContainerSummary["record"], "options">> {
  state?: Partial<ContainerState>;
  options?: Omit<ContainerOptions, "image">;
}

/** A container as the engine lists it. */
export function container(
  name: string,
  { state = {}, options = {}, ...record }: Differences = {},
): ContainerSummary {
  return {
    record: {
      version: 1,
      id: Buffer.from(name.padEnd(32, "-")).toString("hex"),
      name,
      createdAt: "2024-05-01T11:58:00.000000001Z",
      image: "alpine",
      imageId: `sha256:${"a1".repeat(32)}`,
      imageConfig: { Cmd: ["/bin/sh"] },
      layers: [`sha256:${"b2".repeat(32)}`],
      path: "sh",
      args: [],
      env: ["A=1"],
      workdir: "/",
      hostname: name,
      stopSignal: "SIGTERM",
      stopTimeout: 10,
      labels: {},
      logDriver: "json-file",
      logMaxSize: 10_000_000,
      logMaxFiles: 3,
      cgroupPath: "/tsrun/x",
      ...record,
      options: { image: "alpine", ...options },
    },
    state: {
      status: "running",
      pid: 42,
      startTicks: 1,
      monitorPid: 41,
      exitCode: 0,
      oomKilled: false,
      restartCount: 0,
      error: "",
      startedAt: "2024-05-01T11:58:00Z",
      finishedAt: "",
      ...state,
    },
  };
}

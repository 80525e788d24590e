/** The real context of a command: this process, its configuration and the engine, each loaded when first used. */
import { resolve } from "node:path";
import { type Config, loadConfig, loadPaths } from "../config.ts";
import type { EngineApi } from "../engine/api.ts";
import type { Paths } from "../store/paths.ts";
import type { Context } from "./command.ts";
import type { globalOptions } from "./global-options.ts";
import { createLog, parseLogLevel } from "./log.ts";
import type { OptionValues } from "./option-table.ts";
import { processTerminal } from "./terminal.ts";
import { STDERR, STDOUT, writeText } from "./write.ts";

export function createContext(
  globals: OptionValues<typeof globalOptions>,
  program: string,
  report: (error: unknown) => void,
): Context {
  const env = environment(globals);
  // What is started later on this command's behalf, by a container's monitor, finds the same configuration.
  if (globals.config !== undefined) process.env.TSRUN_CONFIG = resolve(globals.config);
  const level = globals["log-level"] ?? (globals.debug ? "debug" : parseLogLevel(env.TSRUN_LOG || "warn"));
  let config: Config | undefined;
  let paths: Paths | undefined;
  let engine: Promise<EngineApi> | undefined;

  const context: Context = {
    program,
    env: process.env,
    config: () => (config ??= loadConfig(env)),
    paths: () => (paths ??= loadPaths(context.config(), env)),
    engine: () => (engine ??= createEngine(context)),
    out: (text) => writeText(STDOUT, text),
    err: (text) => writeText(STDERR, text),
    log: createLog(level),
    terminal: processTerminal(),
    report,
    now: Date.now,
  };
  return context;
}

async function createEngine(context: Context): Promise<EngineApi> {
  if (process.geteuid?.() !== 0)
    throw (await import("../engine/rootless-error.ts")).rootlessError(context.env);
  const { Engine } = await import("../engine/engine.ts");
  return new Engine({ config: context.config(), paths: context.paths(), solitary: isSolitary() });
}

/** Whoever has changed the size of libuv's pool may have left too few threads for one to wait. */
const isSolitary = (): boolean => process.env.UV_THREADPOOL_SIZE === undefined;

function environment(globals: OptionValues<typeof globalOptions>): NodeJS.ProcessEnv {
  const { config, root, "run-root": run } = globals;
  return {
    ...process.env,
    ...(config !== undefined && { TSRUN_CONFIG: config }),
    ...(root !== undefined && { TSRUN_ROOT: root }),
    ...(run !== undefined && { TSRUN_RUN: run }),
  };
}

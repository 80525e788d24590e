/** What can stand before the command. The paths are the command line's spelling of the environment's variables. */
import { parseLogLevel } from "./log.ts";
import { flag, value } from "./option-table.ts";

export const globalOptions = {
  config: value("Configuration file (TSRUN_CONFIG)"),
  debug: flag("Enable debug mode: errors with their causes, logging at level debug", { short: "D" }),
  "log-level": value('Set the logging level ("debug", "info", "warn", "error", "fatal") (default "warn")', {
    short: "l",
    parse: parseLogLevel,
  }),
  root: value("Directory of images and containers (TSRUN_ROOT)"),
  "run-root": value("Directory of runtime state (TSRUN_RUN)"),
  version: flag("Print version information and quit", { short: "v" }),
};

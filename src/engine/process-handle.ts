/** A MonitorClient as the engine's users see it. */
import type { MonitorClient } from "../runtime/monitor-client.ts";
import type { ExitStatus, ProcessHandle } from "./api.ts";
import { parseSignal } from "./signals.ts";

export interface HandleParts {
  client: MonitorClient;
  containerId: string;
  containerName: string;
  pid: number;
  exited: Promise<ExitStatus>;
  warnings?: readonly string[];
  /** Called before a signal is sent, and after this client has let go. */
  onKill?: (signal: number) => void;
  onDetach?: () => void;
}

export function processHandle({
  client,
  containerId,
  containerName,
  pid,
  exited,
  warnings = [],
  onKill = () => {},
  onDetach = () => {},
}: HandleParts): ProcessHandle {
  exited.catch(() => {}); // whoever does not ask for the end shall not be ended by it
  return {
    containerId,
    containerName,
    pid,
    warnings,
    // Made when asked for: node:stream takes 2 ms to load.
    get stdin() {
      return client.stdin;
    },
    get stdout() {
      return client.stdout;
    },
    get stderr() {
      return client.stderr;
    },
    readOutput: (take) => client.readOutput(take),
    exited,
    resize: (rows, columns) => client.resize(rows, columns),
    kill(signal) {
      const number = parseSignal(signal);
      onKill(number);
      client.signal(number);
    },
    detach() {
      client.detach();
      onDetach();
    },
  };
}

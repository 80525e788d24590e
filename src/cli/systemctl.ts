/** The service manager of the host, spoken to by its own program. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

export interface CommandResult {
  code: number;
  output: string;
}

/** Whether systemd is the service manager of this host: sd_booted(3). */
export const isSystemdHost = (): boolean => existsSync("/run/systemd/system");

/** Runs systemctl(1) and returns its exit code and what it said; 127 where there is none. */
export function systemctl(...args: string[]): Promise<CommandResult> {
  const { promise, resolve } = Promise.withResolvers<CommandResult>();
  const child = spawn("systemctl", args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  child.on("error", (error) => resolve({ code: 127, output: error.message }));
  child.on("close", (code) => resolve({ code: code ?? 128, output: output.trim() }));
  return promise;
}

/**
 * The network namespace that plays the host for containers: where their bridges, rules and ports are. It is this
 * process's own where that is the host's root. An ordinary user has none on the host, so there it is the one that the
 * holder of the user's namespaces keeps (native/rootless); this process stays in the host's, whose registries and name
 * servers it talks to, and what concerns the containers' is done there by threads that exist for that.
 */
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { checkResult, SyscallError } from "./errors.ts";
import { native } from "./native.ts";
import { processStartTicks } from "./process.ts";
import { isRootless, rootlessDirectory } from "./rootless.ts";

const netnsRead = native("int tsrun_netns_read(int nsfd, const char *path, void *data, int size)");
const netnsWrite = native("int tsrun_netns_write(int nsfd, const char *path, const char *text)");

let opened: number | undefined;

/** Its descriptor, open until this process ends; undefined where it is this process's own namespace. */
export function hostNetwork(): number | undefined {
  if (!isRootless()) return undefined;
  opened ??= openSync(hostNetworkPath(), "r");
  return opened;
}

/** A path of the user's network namespace. Throws where this process is in a user namespace that is not tsrun's own. */
export function hostNetworkPath(): string {
  const holder = recordedProcess(`${rootlessDirectory()}/holder`);
  if (holder === undefined) throw new SyscallError("open", 2, `${rootlessDirectory()}/holder`);
  return `/proc/${holder}/ns/net`;
}

/** The process that a file "PID START-TIME" speaks of, if it still is that one. */
export function recordedProcess(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
  const [pid = 0, ticks] = text.trim().split(" ").map(Number);
  return pid > 0 && processStartTicks(pid) === ticks ? pid : undefined;
}

/** A value below /proc/sys/net, of that namespace. */
export function readNetworkSetting(path: string): string {
  const netns = hostNetwork();
  if (netns === undefined) return readFileSync(path, "latin1");
  const buffer = Buffer.alloc(4096);
  const length = checkResult("read", netnsRead(netns, path, buffer, buffer.length), path);
  return buffer.toString("latin1", 0, length);
}

export function writeNetworkSetting(path: string, value: string): void {
  const netns = hostNetwork();
  if (netns === undefined) {
    writeFileSync(path, value);
    return;
  }
  checkResult("write", netnsWrite(netns, path, value), path);
}

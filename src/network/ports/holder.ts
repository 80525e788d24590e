/** Which process has a port of the host, from proc(5): /proc/net/{tcp,udp}[6] has the socket, /proc/PID/fd whose it is. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { PortProtocol } from "./types.ts";

/** "nginx (process 4711) listens there"; undefined where that cannot be seen. */
export function holderOf({ protocol, port }: { protocol: PortProtocol; port: number }): string | undefined {
  const inodes = new Set([protocol, `${protocol}6`].flatMap((table) => inodesOf(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of entries("/proc").filter((name) => /^\d+$/.test(name))) {
    const has = entries(`/proc/${pid}/fd`).some((fd) => inodes.has(linkTarget(`/proc/${pid}/fd/${fd}`)));
    if (has) return `${nameOf(pid)} (process ${pid}) listens there`;
  }
  return undefined;
}

/** As /proc/PID/fd shows them: "socket:[12345]". Columns: sl, local address, remote address, …, the tenth the inode. */
function inodesOf(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return text(`/proc/net/${table}`)
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = ""]) => local.endsWith(`:${hex}`))
    .map((columns) => `socket:[${columns[9]}]`);
}

const nameOf = (pid: string): string => text(`/proc/${pid}/comm`).trim() || "a program";

function text(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // no such protocol, or a process that has just ended
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

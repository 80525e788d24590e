/** Mounts on the host: mount(2), umount2(2). A container's own are made by its Plan, not here. */
import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { check } from "./errors.ts";
import { libc } from "./libc.ts";

const cMount = libc(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const cUmount = libc("int umount2(const char *target, int flags)");
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

export interface HostMount {
  source: string;
  target: string;
  /** null for a bind mount. */
  type: string | null;
  /** MS_* bits. */
  flags: number;
  data: string;
}

/** Throws SyscallError. */
export function mount({ source, target, type, flags, data }: HostMount): void {
  check("mount", () => cMount(source, target, type, flags, data === "" ? null : data), target);
}

/** Takes the topmost mount at `target` away; what is still in use of it stays until it is not any more. */
export function unmount(target: string): void {
  check("umount2", () => cUmount(target, MNT_DETACH | UMOUNT_NOFOLLOW), target);
}

/** The type of the filesystem that a path is on: that of the mount whose point is the longest part of it. */
export function filesystemAt(path: string): string {
  const real = realpathSync(path);
  let best = { point: "", type: "an unknown filesystem" };
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const point = unescaped(line.split(" ", 5)[4] ?? "");
    const type = line.split(" - ")[1]?.split(" ")[0];
    if (type === undefined || point.length < best.point.length) continue;
    if (point === "/" || real === point || real.startsWith(`${point}/`)) best = { point, type };
  }
  return best.type;
}

const unescaped = (text: string): string =>
  text.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));

/** Whether something is mounted at exactly this path, proc_pid_mountinfo(5), which has links in it resolved. */
export function isMountPoint(path: string): boolean {
  // What is mounted there is not asked: a server that is gone would not answer.
  const real = join(realpathSync(dirname(path)), basename(path));
  const escaped = real.replace(
    /[ \t\n\\]/g,
    (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ", 5)[4] === escaped);
}

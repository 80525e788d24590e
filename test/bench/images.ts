/** The images that the bench runs and pulls: busybox, and one of Debian's size made of this machine's own files. */
import { spawnSync } from "node:child_process";
import { copyFileSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MiB = 1024 * 1024;

/** Each becomes a layer with its share of the size: programs, libraries, many small files, headers and scripts. */
const sources = [
  { from: ["/usr/bin", "/usr/sbin"], share: 0.3 },
  { from: ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib/gcc"], share: 0.52 },
  { from: ["/usr/share"], share: 0.1 },
  { from: ["/usr/include", "/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/node_modules"], share: 0.08 },
];

function tar(folder: string, names: string[]): Buffer {
  const args = ["-C", folder, "-c", "--numeric-owner", "--no-recursion", "--null", "-T", "-"];
  const { status, stdout, stderr } = spawnSync("tar", args, {
    input: names.join("\0"),
    maxBuffer: 1024 * MiB,
  });
  if (status !== 0) throw new Error(`tar: ${stderr}`);
  return stdout;
}

/** Paths below `folders`, directories before what they hold, until `bytes` are reached; every run finds the same. */
function collect(folders: string[], bytes: number): string[] {
  const names: string[] = [];
  let left = bytes;
  const visit = (path: string): void => {
    if (left <= 0) return;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    // One huge file says nothing about unpacking.
    if (stat === undefined || (stat.isFile() && stat.size > 16 * MiB)) return;
    names.push(path.slice(1));
    if (stat.isFile()) left -= stat.size;
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
  };
  for (const folder of folders) visit(folder);
  return names;
}

/** Gzipped layers of `bytes` in all, unpacked. */
export function debianSizedLayers(bytes: number): Buffer[] {
  return sources.map(({ from, share }) => gzipSync(tar("/", collect(from, bytes * share))));
}

/** Fills `rootfs` with Debian's static busybox and `stamp`, and returns it as a gzipped layer. */
export function busyboxLayer(rootfs: string): Buffer {
  mkdirSync(join(rootfs, "bin"), { recursive: true });
  for (const empty of ["dev", "etc", "proc", "sys", "tmp"]) mkdirSync(join(rootfs, empty));
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  for (const applet of ["sh", "true", "sleep", "cat"]) symlinkSync("busybox", join(rootfs, "bin", applet));
  buildStamp(join(rootfs, "bin/stamp"));
  const names = readdirSync(rootfs, { recursive: true, encoding: "utf8" }).sort();
  return gzipSync(tar(rootfs, names));
}

/** A static program whose first act is to read the clock that process.hrtime() reads too; it prints nanoseconds. */
function buildStamp(path: string): void {
  const source = `#include <stdio.h>
    #include <time.h>
    int main(void) {
      struct timespec now;
      clock_gettime(CLOCK_MONOTONIC, &now);
      return printf("%lld\\n", now.tv_sec * 1000000000LL + now.tv_nsec) < 0;
    }`;
  const args = ["-O2", "-static", "-x", "c", "-", "-o", path];
  const { status, stderr } = spawnSync("gcc", args, { input: source });
  if (status !== 0) throw new Error(`gcc: ${stderr}`);
}

/**
 * The root filesystem of a Debian with a package of choice, as a gzipped layer. debootstrap makes it of the mirror's
 * packages, which takes a minute; the result is kept with the test runner's own caches.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRootless } from "../../../src/kernel/rootless.ts";

const SUITE = "bookworm";
/** A mirror's packages change; a week old is not old. */
const KEEP_MS = 7 * 24 * 3600 * 1000;

export function debianLayer(included: string): Buffer {
  const folder = join(tmpdir(), `tsrun-vitest-${process.getuid?.()}`);
  const file = join(folder, `debian-${SUITE}-${process.arch}-${included}.tar.gz`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file) || Date.now() - statSync(file).mtimeMs > KEEP_MS) make(included, file);
  return readFileSync(file);
}

function make(included: string, file: string): void {
  if (isRootless()) throw new Error(`debootstrap needs root: ${file} is made by the tests of e2e as root`);
  process.stderr.write(`e2e: debootstrap makes an image with ${included}\n`);
  const directory = mkdtempSync(`${file}.`);
  const [root, archive] = [join(directory, "root"), join(directory, "layer.tar.gz")];
  try {
    outside("debootstrap", "--variant=minbase", `--include=${included}`, SUITE, root, mirror());
    const left = ["./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/*", "./var/lib/apt/lists/*"];
    const excludes = left.map((pattern) => `--exclude=${pattern}`);
    succeed("tar", "-C", root, "--numeric-owner", ...excludes, "-I", "gzip -1", "-cf", archive, ".");
    renameSync(archive, file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The one that this machine's own packages come from; debootstrap's default where it is no Debian. */
function mirror(): string {
  const { stdout } = spawnSync("apt-get", ["indextargets", "--format", "$(SITE)", "Origin: Debian"], {
    encoding: "utf8",
  });
  return (
    (stdout ?? "").split("\n").find((site) => /\/debian\/?$/.test(site)) ?? "http://deb.debian.org/debian"
  );
}

/** In the machine's own network namespace, which the test host was made from: an ancestor of this process is in it. */
function outside(program: string, ...args: string[]): void {
  const own = readlinkSync("/proc/self/ns/net");
  let pid = process.pid;
  while (pid > 0 && readlinkSync(`/proc/${pid}/ns/net`) === own) pid = parentOf(pid);
  if (pid === 0) throw new Error("all ancestors of this process are in its network namespace");
  succeed("nsenter", `--net=/proc/${pid}/ns/net`, program, ...args);
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

function succeed(program: string, ...args: string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? `${stdout}${stderr}`.slice(-2000)}`);
}

/**
 * What a test left behind on its host (scripts/test-host): take a snapshot() before, ask leaksSince() after. The
 * default network itself is meant to stay: bridges named tsrun0, tsrun1, … and packet filter tables tsrun-<number>.
 */
import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NETLINK_ROUTE, openNetlink } from "../../src/kernel/netlink.ts";
import { decodeLink, listLinks } from "../../src/kernel/netlink-link.ts";
import { runNft } from "../../src/kernel/nftables.ts";
import { isRootless } from "../../src/kernel/rootless.ts";

/** Everything of the host that tsrun could leave behind, each as a sentence for people. */
export type Snapshot = ReadonlySet<string>;

/** The tsrun whose leases, locks, mounts and processes count. */
export interface Instance {
  root: string;
  run: string;
}

/** The kernel frees a network namespace and its links some time after the last process. */
const SETTLE_MILLISECONDS = 5_000;
/** An ordinary user's way out (src/network/outside.ts) is kept as well. */
const KEPT_LINKS = isRootless() ? /^(tsrun\d+|tap0)$/ : /^tsrun\d+$/;
const KEPT = /^tsrun(\d+|-[0-9a-f]{8}(-ports)?)$/;
const CGROUPS = "/sys/fs/cgroup";
/** What is not to be walked into for locks: an image's files are not tsrun's. */
const CONTENT = new Set(["layers", "blobs", "upper", "merged", "work", "_data"]);

/** What is there now. Without an instance, only what belongs to the host as a whole. */
export function snapshot(instance?: Instance): Snapshot {
  const host = [...links(), ...tables(), ...cgroups()];
  if (instance === undefined) return new Set(host);
  return new Set([
    ...host,
    ...mounts(instance),
    ...leases(instance),
    ...locks(instance),
    ...processes(instance),
  ]);
}

/**
 * What is there now and was not then; waits for what goes away by itself, up to `settle` milliseconds. An empty list
 * is a clean host. Control groups are the machine's: another test host's count while they last.
 */
export async function leaksSince(
  before: Snapshot,
  instance: Instance,
  settle = SETTLE_MILLISECONDS,
): Promise<string[]> {
  const deadline = performance.now() + settle;
  for (;;) {
    const leaks = [...snapshot(instance)].filter((entry) => !before.has(entry));
    if (leaks.length === 0 || performance.now() > deadline) return leaks.sort();
    await sleep(50);
  }
}

/** How long a control group of somebody else's container may stay empty while it is made or removed. */
const FOREIGN_MILLISECONDS = 1_000;

/**
 * leaksSince() on a machine that others use as well: control groups with processes in them are counted by the
 * processes, and of the others those that stay.
 */
export async function ownLeaksSince(before: Snapshot, instance: Instance): Promise<string[]> {
  const idle = (leak: string): boolean =>
    !leak.startsWith("cgroup ") || isEmptyCgroup(leak.slice("cgroup ".length));
  const found = (await leaksSince(before, instance)).filter(idle);
  if (found.length === 0) return [];
  await sleep(FOREIGN_MILLISECONDS);
  return found.filter(idle);
}

/** Whether the group is there and nothing runs in it. */
function isEmptyCgroup(path: string): boolean {
  try {
    return readFileSync(join(path, "cgroup.procs"), "utf8") === "";
  } catch (error) {
    // ENODEV: it is being removed.
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

function links(): string[] {
  using route = openNetlink(NETLINK_ROUTE);
  const all = route.dump(listLinks()).map(decodeLink);
  return all
    .filter(({ name }) => !KEPT_LINKS.test(name))
    .map(({ name, index }) => `link ${name} (index ${index})`);
}

function tables(): string[] {
  const names = runNft("list tables").split("\n").filter(Boolean);
  return names
    .filter((line) => !KEPT.test(line.split(" ").at(-1) ?? ""))
    .map((line) => `packet filter ${line}`);
}

/** Every directory below one named tsrun…; the empty parent `tsrun` may stay. An ordinary user makes none but their own. */
function cgroups(): string[] {
  const found: string[] = [];
  const walk = (path: string, inside: boolean): void => {
    for (const entry of entries(path).filter((each) => each.isDirectory())) {
      const child = join(path, entry.name);
      const counts = inside || (entry.name.startsWith("tsrun") && entry.name !== "tsrun");
      if (counts && (!isRootless() || isOwn(child))) found.push(`cgroup ${child}`);
      walk(child, inside || entry.name.startsWith("tsrun"));
    }
  };
  walk(CGROUPS, false);
  return found;
}

const isOwn = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.uid === process.geteuid?.();

function mounts(instance: Instance): string[] {
  const lines = read("/proc/self/mountinfo").split("\n");
  return lines
    .filter((line) => mentions(line, instance))
    .map((line) => `mount ${line.split(" ").slice(3).join(" ")}`);
}

function leases({ run }: Instance): string[] {
  const networks = join(run, "networks");
  return entries(networks).flatMap(({ name }) => {
    const directory = join(networks, name, "leases");
    return entries(directory).map(
      (lease) => `lease ${join(directory, lease.name)} of ${target(directory, lease)}`,
    );
  });
}

/** Locks that a process holds, by the device and inode that proc_locks(5) names. */
function locks({ root, run }: Instance): string[] {
  const held = new Map<string, string>();
  for (const line of read("/proc/locks").split("\n")) {
    const [, kind, , access, pid, file] = line.split(/\s+/);
    if (file !== undefined && kind !== "->") held.set(file, `${kind} ${access} by process ${pid}`);
  }
  return [...files(root), ...files(run)].flatMap((path) => {
    const holder = held.get(lockKey(path));
    return holder === undefined ? [] : [`lock ${path}: ${holder}`];
  });
}

/** "major:minor:inode" with the device numbers in hexadecimal, as the kernel prints them. */
function lockKey(path: string): string {
  const { dev, ino } = lstatSync(path, { throwIfNoEntry: false }) ?? { dev: 0, ino: 0 };
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return `${hex(major)}:${hex(minor)}:${ino}`;
}

/** Processes of this instance: a monitor, an init, a container's, or a command that still runs. */
function processes(instance: Instance): string[] {
  return entries("/proc").flatMap(({ name: pid }) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    const command =
      read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim() || read(`/proc/${pid}/comm`).trim();
    if (!isOurs(pid, command, instance)) return [];
    return [`process ${pid} (${command}) in ${link(`/proc/${pid}/ns/net`)}`];
  });
}

/** Its mounts, descriptors or arguments name the instance; the tests' own processes only have it in their environment. */
function isOurs(pid: string, command: string, instance: Instance): boolean {
  if (isTsrun(pid, command) && mentions(read(`/proc/${pid}/environ`), instance)) return true;
  if (isTsrun(pid, command) && mentions(command, instance)) return true;
  if (isTsrun(pid, command) && descriptors(pid).some((path) => mentions(path, instance))) return true;
  return (
    link(`/proc/${pid}/ns/mnt`) !== link("/proc/self/ns/mnt") &&
    mentions(read(`/proc/${pid}/mountinfo`), instance)
  );
}

const isTsrun = (pid: string, command: string): boolean =>
  /tsrun/.test(read(`/proc/${pid}/comm`)) || /\/tsrun\b|tsrun-(monitor|init)|cli\/main/.test(command);

const descriptors = (pid: string): string[] =>
  entries(`/proc/${pid}/fd`).map(({ name }) => link(`/proc/${pid}/fd/${name}`));

const mentions = (text: string, { root, run }: Instance): boolean =>
  text.includes(root) || text.includes(run);

function* files(directory: string): Generator<string> {
  for (const entry of entries(directory)) {
    const path = join(directory, entry.name);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory() && !CONTENT.has(entry.name)) yield* files(path);
  }
}

const target = (directory: string, entry: Dirent): string => link(join(directory, entry.name));

/** The three readers take what vanishes under them, as processes do, for absent. */
function entries(path: string): Dirent[] {
  return ignoringAbsence(() => readdirSync(path, { withFileTypes: true }), []);
}

function read(path: string): string {
  return ignoringAbsence(() => readFileSync(path, "utf8"), "");
}

function link(path: string): string {
  return ignoringAbsence(() => readlinkSync(path), "");
}

const ABSENT = new Set(["ENOENT", "ESRCH", "EACCES", "ENOTDIR", "EINVAL"]);

function ignoringAbsence<T>(attempt: () => T, absent: T): T {
  try {
    return attempt();
  } catch (error) {
    if (ABSENT.has(String((error as NodeJS.ErrnoException).code))) return absent;
    throw error;
  }
}

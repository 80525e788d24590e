/**
 * A machine within this one, for an engine: a host of its own (scripts/test-host) that has its own processes and its own
 * name as well. What an engine leaves running ends with it, as with a power failure.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CliResult, REPOSITORY } from "../../support/cli.ts";
import { openTmux, type Tmux } from "../../support/tmux.ts";

/** For one command; in a virtual machine without hardware's help each takes tens of times as long. */
const COMMAND_MS = 60_000;
const READY_MS = 60_000;

/** Folders of the system into which engines write whatever they are told. */
const OWN_FOLDERS = ["/etc/docker", "/etc/cni", "/etc/containerd", "/var/lib/cni", "/var/lib/containers"];

const INIT = `
  set -e
  for folder in ${OWN_FOLDERS.join(" ")}; do if [ -d $folder ]; then mount -t tmpfs none $folder; fi; done
  mkdir -p /etc/cni/net.d 2>/dev/null || true
  # Hierarchies and nothing else: podman takes any folder beside them for one, makes groups there, and fails to remove them.
  if [ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ]; then
    cgroups=$(mktemp -d)
    mount --rbind /sys/fs/cgroup "$cgroups"
    mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
    for hierarchy in "$cgroups"/*; do
      if mountpoint -q "$hierarchy"; then
        mkdir "/sys/fs/cgroup/\${hierarchy##*/}"
        mount --bind "$hierarchy" "/sys/fs/cgroup/\${hierarchy##*/}"
      fi
    done
    umount -l "$cgroups"
    rmdir "$cgroups"
  fi
  hostname "$1"
  echo ready
  # Orphans are this shell's, which reaps them while it waits.
  sleep infinity & wait`;

export interface Machine {
  name: string;
  /** Of this machine's files; the same path inside and outside. */
  directory: string;
  /** A process of the machine, by its number outside: its namespaces have names by it. */
  pid: number;
  run(argv: readonly string[], settings?: { input?: string }): Promise<CliResult>;
  /** Runs it and returns standard output without its last newline; throws with all it said where it fails. */
  output(...argv: string[]): Promise<string>;
  sh(script: string): Promise<string>;
  /** Starts a program that stays, and returns once `ready` succeeds. */
  daemon(argv: readonly string[], ready: readonly string[]): Promise<void>;
  /** A terminal outside, with which commands are run by `command`. */
  terminal(): Promise<Tmux>;
  /** The words of a shell by which somebody outside runs the command inside. */
  command(...argv: string[]): string;
  /** Names of the programs that run, but for the machine's own. */
  programs(): Promise<string[]>;
  /** Switches it off. */
  stop(): Promise<void>;
}

export async function startMachine(name: string, directory: string): Promise<Machine> {
  mkdirSync(directory, { recursive: true });
  const namespaces = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--ipc"];
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", join(REPOSITORY, "scripts/test-host"), ...namespaces],
      ...["sh", "-c", INIT, "sh", name],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), ended]);
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"));
  if (!(pid > 0)) throw new Error(`the machine ${name} did not start`);
  const inside = ["nsenter", "-t", String(pid), "-m", "-n", "-p", "-u", "-i", "--"];

  const machine: Machine = {
    name,
    directory,
    pid,
    run: (argv, settings) => execute([...inside, ...argv], settings),
    async output(...argv) {
      const { code, stdout, stderr } = await machine.run(argv);
      if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
      return stdout.replace(/\n$/, "");
    },
    sh: (script) => machine.output("sh", "-c", script),
    async daemon(argv, ready) {
      const log = join(directory, `${argv[0]}.log`);
      const out = openSync(log, "a");
      const daemon = spawn(inside[0] as string, [...inside.slice(1), ...argv], {
        stdio: ["ignore", out, out],
      });
      closeSync(out);
      const deadline = performance.now() + READY_MS;
      while ((await machine.run(ready)).code !== 0) {
        if (daemon.exitCode !== null || performance.now() > deadline)
          throw new Error(`${argv[0]} does not answer:\n${readFileSync(log, "utf8")}`);
        await sleep(50);
      }
    },
    terminal: () => openTmux({ directory, env: { ...process.env, TERM: "xterm" } }),
    command: (...argv) => [...inside, ...argv].map(quoted).join(" "),
    async programs() {
      // ps itself, the shells of this call, and the machine's own two.
      const all = (await machine.output("ps", "-eo", "comm=")).split("\n");
      return all.filter((each) => !["ps", "sh", "sleep"].includes(each)).sort();
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  return machine;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

function execute(argv: readonly string[], { input }: { input?: string } = {}): Promise<CliResult> {
  const [program = "", ...rest] = argv;
  return new Promise((resolve) => {
    const options = { maxBuffer: 1 << 26, timeout: COMMAND_MS, killSignal: "SIGKILL" as const };
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      const { code, signal } = (error ?? { code: 0 }) as {
        code?: number;
        signal?: keyof typeof constants.signals;
      };
      resolve({ code: code ?? 128 + (signal ? constants.signals[signal] : 0), stdout, stderr });
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

const CGROUPS = "/sys/fs/cgroup";

/** The control groups of that name at the top of each hierarchy. */
const groupsNamed = (name: string): string[] =>
  ["", ...readdirSync(CGROUPS)].map((hierarchy) => join(CGROUPS, hierarchy, name)).filter(existsSync);

/** Control groups below those of that name, as paths from there; what is asked after all containers are gone. */
export function groupsBelow(name: string): string[] {
  return groupsNamed(name).flatMap((group) =>
    childrenOf(group).map((child) => child.slice(group.length + 1)),
  );
}

/** Removes the control groups of that name, once the processes in there are gone. */
export async function removeGroups(name: string): Promise<void> {
  for (const group of groupsNamed(name)) {
    for (const each of [...childrenOf(group), group]) {
      for (let attempt = 0; existsSync(each); attempt++) {
        try {
          rmdirSync(each);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EBUSY" || attempt > 100) throw error;
          await sleep(20);
        }
      }
    }
  }
}

/** The deepest first. */
const childrenOf = (group: string): string[] =>
  readdirSync(group, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [...childrenOf(join(group, name)), join(group, name)]);

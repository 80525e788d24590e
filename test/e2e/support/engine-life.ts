/** What people do with containers, by the command line that docker and podman share: the same under either. */
import { describe, expect, test } from "vitest";
import type { CliResult } from "../../support/cli.ts";
import { IMAGE } from "./engine-image.ts";
import { groupsBelow, type Machine } from "./machine.ts";

/** An engine whose containers tsrun-oci runs. */
export interface Engine {
  machine: Machine;
  /** The program with its own flags. */
  program: readonly string[];
  /** The control group below which all containers are. */
  group: string;
  /** By which `run` asks for tsrun-oci, where it is not the default. */
  flags?: readonly string[];
  /** Whether it tells that memory ran out. */
  tellsOom: boolean;
  /** Where tsrun-oci keeps what it knows of the engine's containers. */
  state: string;
}

export interface Commands {
  /** One command of the engine. */
  engine(...args: string[]): Promise<CliResult>;
  engineWith(input: string, ...args: string[]): Promise<CliResult>;
  /** Standard output of a command that has to succeed, without its last newline. */
  ok(...args: string[]): Promise<string>;
  /** `run` with flags, the image and its command, without a network where none is named. */
  run(flags: readonly string[], ...command: string[]): Promise<CliResult>;
  /** Removes a container whatever it does, and without waiting for it to heed a signal. */
  remove(name: string): Promise<void>;
  /** The words of `run` with all its flags. */
  runWords(flags: readonly string[], ...command: string[]): string[];
}

export function commandsOf(use: () => Engine): Commands {
  const argv = (args: readonly string[]): string[] => [...use().program, ...args];
  const commands: Commands = {
    engine: (...args) => use().machine.run(argv(args)),
    engineWith: (input, ...args) => use().machine.run(argv(args), { input }),
    ok: (...args) => use().machine.output(...argv(args)),
    runWords(flags, ...command) {
      const network = ["--network", "--pod", "-p"].some((each) => flags.includes(each))
        ? []
        : ["--network", "none"];
      const { group, flags: more = [] } = use();
      return ["run", "--cgroup-parent", `/${group}`, ...more, ...network, ...flags, IMAGE, ...command];
    },
    async remove(name) {
      await commands.ok("kill", name);
      await commands.ok("rm", "-f", name);
    },
    run: (flags, ...command) => commands.engine(...commands.runWords(flags, ...command)),
  };
  return commands;
}

/** Goes on until it is told to end; "up" says that it hears signals. */
export const PATIENT = ["sh", "-c", 'trap "echo term; exit 3" TERM; echo up; while :; do sleep 0.1; done'];

/** A shell's script that prints limits of memory, processes and processor time of a control group, of either version. */
export const limitsOf = (group = ""): string => `cd /sys/fs/cgroup
  cat ./${group}/memory.max 2>/dev/null || cat memory/${group}/memory.limit_in_bytes
  cat ./${group}/pids.max 2>/dev/null || cat pids/${group}/pids.max
  cut -d' ' -f1 ./${group}/cpu.max 2>/dev/null || cat cpu/${group}/cpu.cfs_quota_us`;

export function lifeUnder(use: () => Engine): void {
  const { engine, engineWith, ok, remove, run, runWords } = commandsOf(use);
  const logsOf = async (name: string): Promise<string> => {
    const { stdout, stderr } = await engine("logs", name);
    return stdout + stderr;
  };
  const stateOf = (name: string): Promise<string> => ok("inspect", "-f", "{{.State.Status}}", name);

  describe("run", () => {
    test("has the program's output, input and exit code", async () => {
      expect(await run(["--rm"], "sh", "-c", "echo out; echo err >&2; exit 7")).toEqual({
        code: 7,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect(await engineWith("said\n", ...runWords(["--rm", "-i"], "cat"))).toMatchObject({
        code: 0,
        stdout: "said\n",
      });
    });

    test("tells what could not be started by the exit codes that people know", async () => {
      const missing = await run(["--rm"], "nothing-here");
      expect(missing).toMatchObject({
        code: 127,
        stderr: expect.stringContaining("executable file not found"),
      });
      expect(await run(["--rm"], "/etc")).toMatchObject({ code: 126 });
      expect(await run(["--rm", "-w", "/etc/passwd"], "true")).toMatchObject({
        code: expect.toSatisfy((code: number) => code >= 125 && code <= 127),
      });
    });

    test("confines: capabilities, new privileges, a root to be read, a tmpfs", async () => {
      const flags = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"];
      const script = `grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\\t'
        touch /x 2>&1; grep ' /t ' /proc/mounts | cut -d' ' -f3; id -u; hostname`;
      const { stdout } = await run(
        ["--rm", ...flags, "--tmpfs", "/t:size=1m", "-u", "1000", "-h", "its-name"],
        ...["sh", "-c", script],
      );
      expect(stdout.split("\n")).toEqual([
        "CapEff:0000000000000000",
        "NoNewPrivs:1",
        "Seccomp:2",
        "touch: /x: Read-only file system",
        "tmpfs",
        "1000",
        "its-name",
        "",
      ]);
    });

    test("-it has a terminal that follows the size, and Ctrl-C", async () => {
      const { machine, program } = use();
      const terminal = await machine.terminal();
      try {
        const flags = ["--rm", "-it", "-e", "PS1=in# "];
        await terminal.line(machine.command(...program, ...runWords(flags, "sh")));
        await terminal.until(/in# *$/);
        await terminal.resize(101, 33);
        await terminal.line(
          "clear; until [ \"$(stty size)\" = '33 101' ]; do sleep 0.1; done; tty; stty size",
        );
        await terminal.until(/^\/dev\/(pts\/0|console)\n33 101$/m);
        await terminal.line("clear; echo asleep; sleep 60");
        await terminal.until(/^asleep$/m);
        await terminal.keys("C-c");
        await terminal.until(/in# *$/);
        await terminal.line("exit 5");
        await terminal.until(/host\$ *$/);
        await terminal.line("echo code=$?");
        await terminal.until(/code=5/);
      } finally {
        await terminal.close();
      }
    });
  });

  describe("a container that runs", () => {
    test("is joined by exec, with a user, folder and variables of its own", async () => {
      await run(["-d", "--name", "joined"], ...PATIENT);
      const flags = ["-u", "app", "-w", "/tmp", "-e", "A=b"];
      const { code, stdout } = await engine(
        "exec",
        ...flags,
        "joined",
        "sh",
        "-c",
        "id -un; pwd; echo $A; exit 5",
      );
      expect({ code, stdout }).toEqual({ code: 5, stdout: "app\n/tmp\nb\n" });
      expect(await engineWith("said\n", "exec", "-i", "joined", "cat")).toMatchObject({ stdout: "said\n" });
      expect((await engine("exec", "joined", "nothing-here")).code).toBeGreaterThanOrEqual(126);
      await ok("exec", "-d", "joined", "sleep", "98");
      await expect.poll(() => ok("exec", "joined", "ps", "-o", "args")).toMatch(/^sleep 98$/m);
      expect(await ok("top", "joined")).toMatch(/sleep 98/);
      const { machine, program } = use();
      const terminal = await machine.terminal();
      try {
        await terminal.line(
          machine.command(
            ...program,
            "exec",
            "-it",
            "joined",
            "sh",
            "-c",
            "sleep 0.5; tty; stty size; exit 6",
          ),
        );
        await terminal.until(/^\/dev\/pts\/\d\n24 80\nhost\$/m);
        await terminal.line("echo code=$?");
        await terminal.until(/code=6/);
      } finally {
        await terminal.close();
      }
      await remove("joined");
    });

    test("is paused, goes on, and is ended by stop with what it says to that", async () => {
      await run(["-d", "--name", "patient"], ...PATIENT);
      await ok("pause", "patient");
      expect(await stateOf("patient")).toBe("paused");
      expect(await engine("exec", "patient", "true")).not.toMatchObject({ code: 0 });
      await ok("unpause", "patient");
      expect(await stateOf("patient")).toBe("running");
      await expect.poll(() => logsOf("patient")).toBe("up\n");
      await ok("stop", "-t", "20", "patient");
      expect(await logsOf("patient")).toBe("up\nterm\n");
      expect(await ok("wait", "patient")).toBe("3");
      await ok("start", "patient");
      await expect.poll(() => logsOf("patient")).toBe("up\nterm\nup\n");
      await ok("restart", "-t", "20", "patient");
      await expect.poll(() => logsOf("patient")).toBe("up\nterm\nup\nterm\nup\n");
      await ok("kill", "patient");
      expect(await ok("wait", "patient")).toBe("137");
      await ok("rm", "patient");
    });

    test("is started again by its policy", async () => {
      await run(["-d", "--name", "again", "--restart", "on-failure:2"], "sh", "-c", "echo try; exit 4");
      await expect.poll(() => logsOf("again"), { timeout: 30_000 }).toBe("try\ntry\ntry\n");
      await expect.poll(() => stateOf("again")).toBe("exited");
      expect(await ok("inspect", "-f", "{{.RestartCount}} {{.State.ExitCode}}", "again")).toBe("2 4");
      await ok("rm", "again");
    });
  });

  describe("limits", () => {
    test("are the kernel's, and are told by stats", async () => {
      const limits = ["-m", "64m", "--memory-swap", "64m", "--pids-limit", "40", "--cpus", "0.5"];
      await run(["-d", "--name", "limited", ...limits], "sleep", "60");
      expect(await ok("exec", "limited", "sh", "-c", limitsOf())).toBe("67108864\n40\n50000");
      const stats = ["stats", "--no-stream", "--format"];
      expect(await ok(...stats, "{{.MemUsage}} {{.PIDs}}", "limited")).toMatch(
        /^[\d.]+ ?[kKM]i?B \/ (64MiB|67\.11MB) 1$/,
      );
      await remove("limited");
    });

    test("memory that runs out ends the container, which is told as that", async () => {
      const hungry = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"];
      const flags = ["--name", "hungry", "-m", "20m", "--memory-swap", "20m"];
      const tells = async () => {
        expect(await run(flags, ...hungry)).toMatchObject({ code: 137 });
        const told = await ok("inspect", "-f", "{{.State.OOMKilled}}", "hungry");
        await ok("rm", "hungry");
        return told;
      };
      // containerd hears of it and of the end by two ways: docker knows of what came first, with any runtime.
      await expect.poll(tells, { timeout: 30_000 }).toMatch(use().tellsOom ? /^true$/ : /^/);
    });
  });

  test("volumes keep what is written, and protect it where they are read-only", async () => {
    await ok("volume", "create", "kept");
    await run(["--rm", "-v", "kept:/data"], "sh", "-c", "echo kept >/data/file");
    const { code, stdout, stderr } = await run(
      ["--rm", "-v", "kept:/data:ro", "-v", "/etc/hostname:/its:ro"],
      ...["sh", "-c", "cat /data/file; test -s /its; echo x >/data/file"],
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: "kept\n" });
    expect(stderr).toContain("Read-only file system");
    await ok("volume", "rm", "kept");
  });

  test("a published port leads to its server", async () => {
    await run(["-d", "--name", "web", "-p", "127.0.0.1:8085:80"], "httpd", "-f", "-h", "/www");
    const ask = ["busybox", "wget", "-qO-", "http://127.0.0.1:8085/"];
    await expect.poll(() => use().machine.run(ask)).toMatchObject({ code: 0, stdout: "it works\n" });
    await remove("web");
  });
}

/** What tsrun-oci leaves once all containers are gone; for the end of a file. */
export async function leftUnder(
  use: () => Pick<Engine, "machine" | "group" | "state">,
  { kept = [] as readonly string[] } = {},
): Promise<object> {
  const { machine, group, state } = use();
  return {
    containers: (await machine.sh(`find ${state} -mindepth 1 2>/dev/null; true`)).split("\n").filter(Boolean),
    groups: groupsBelow(group).filter((each) => !kept.includes(each)),
    mounts: (await machine.sh("cat /proc/self/mountinfo"))
      .split("\n")
      .filter((line) => line.includes(machine.directory) && /\/(merged|rootfs|shm) /.test(line)),
  };
}

export const NOTHING = { containers: [], groups: [], mounts: [] };

import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import exec from "../../../src/cli/commands/exec.ts";
import run from "../../../src/cli/commands/run.ts";
import type { Input } from "../../../src/cli/terminal.ts";
import type { EngineApi, ExecOptions, RunOptions } from "../../../src/engine/api.ts";
import type { ContainerOptions } from "../../../src/engine/types.ts";
import { type FakeEngine, type FakeProcess, fakeProcess, runCommand } from "./fake.ts";

let directory: string;
let stdout: number;
let process_: FakeProcess;
let asked: { options: ContainerOptions; start: RunOptions } | undefined;
const output = () => readFileSync(join(directory, "stdout"), "utf8");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-cli-"));
  stdout = openSync(join(directory, "stdout"), "w");
  process_ = fakeProcess();
  asked = undefined;
});
afterEach(() => rmSync(directory, { recursive: true }));

const engine: FakeEngine = {
  async run(options, start = {}) {
    asked = { options, start };
    start.onCreated?.({
      id: process_.containerId,
      name: process_.containerName,
      warnings: ["no swap limit"],
    });
    return process_;
  },
};

describe("run", () => {
  it("turns flags into what the engine is asked for", async () => {
    process_.end({});
    await runCommand(
      run,
      [
        "-e",
        "A=1",
        "-eHOME",
        "--name=x",
        "-v",
        "/a:/b:ro",
        "--tmpfs",
        "/t",
        "-m",
        "64m",
        "--entrypoint",
        "",
        "-l",
        "k=v",
      ].concat([
        "--ulimit",
        "nofile=5",
        "--sysctl",
        "net.a=1",
        "-u",
        "1:2",
        "-w",
        "/w",
        "--network",
        "none",
        "alpine",
        "sh",
        "-c",
        "x",
      ]),
      { engine, env: { HOME: "/root" } },
    );
    expect(asked?.options).toMatchObject({
      image: "alpine",
      command: ["sh", "-c", "x"],
      entrypoint: [],
      env: ["A=1", "HOME=/root"],
      name: "x",
      labels: { k: "v" },
      mounts: [
        { type: "bind", source: "/a", target: "/b", readOnly: true },
        { type: "tmpfs", target: "/t" },
      ],
      resources: { memory: { limit: 67108864 } },
      ulimits: [{ name: "nofile", soft: 5, hard: 5 }],
      sysctls: { "net.a": "1" },
      user: "1:2",
      workdir: "/w",
      network: "none",
      pull: "missing",
    });
    expect(asked?.options).not.toHaveProperty("hostname");
    expect(asked?.start).toMatchObject({ attach: { stdin: false, stdout: true, stderr: true } });
  });

  it("copies the output, passes on the exit code and prints warnings", async () => {
    process_.stdout.write("hello\n");
    process_.end({ exitCode: 7 });
    const result = await runCommand(run, ["alpine"], { engine, terminal: { stdout } });
    expect(result).toMatchObject({ code: 7, err: "WARNING: no swap limit\n" });
    expect(output()).toBe("hello\n");
  });

  it("says when memory ran out", async () => {
    process_.end({ exitCode: 137, oomKilled: true });
    expect((await runCommand(run, ["alpine"], { engine })).err).toContain("tsrun: killed: out of memory\n");
  });

  it("prints the id and lets go with -d", async () => {
    const result = await runCommand(run, ["-d", "alpine"], { engine });
    expect(result).toMatchObject({ code: 0, out: `${"c".repeat(64)}\n` });
    expect(process_.detached).toBe(true);
    expect(asked?.start.attach).toBeUndefined();
  });

  it("writes --cidfile before the start, and refuses one that is there", async () => {
    const cidfile = join(directory, "cid");
    process_.end({});
    await runCommand(run, ["--cidfile", cidfile, "alpine"], { engine });
    expect(readFileSync(cidfile, "utf8")).toBe("c".repeat(64));
    await expect(runCommand(run, ["--cidfile", cidfile, "alpine"], { engine })).rejects.toThrow(
      `container ID file found, make sure the other container isn't running or delete ${cidfile}`,
    );
  });

  it("leaves no empty --cidfile behind", async () => {
    const failing: FakeEngine = { run: () => Promise.reject(new Error("no")) };
    const cidfile = join(directory, "cid");
    await expect(runCommand(run, ["--cidfile", cidfile, "alpine"], { engine: failing })).rejects.toThrow(
      "no",
    );
    writeFileSync(cidfile, "", { flag: "wx" });
  });

  it.each([
    [["-d", "-a", "stdout", "alpine"], "conflicting options: cannot specify both --attach and --detach"],
    [["-it", "alpine"], "the input device is not a TTY"],
    [["-m", "1m", "alpine"], "Minimum memory limit allowed is 6MB"],
    [["-p", "80:icmp", "alpine"], "invalid containerPort: icmp"],
    [
      ["--kernel-memory", "5m", "alpine"],
      "--kernel-memory is not supported: the kernel has no such limit any more",
    ],
    [["--env-file", "/nope", "alpine"], "open /nope: no such file or directory"],
  ])("refuses %j before anything is created", async (argv, message) => {
    await expect(runCommand(run, argv, { engine })).rejects.toThrow(message);
    expect(asked).toBeUndefined();
  });

  it("says on stderr that and what it pulls", async () => {
    const pulling: FakeEngine = {
      async run(options, start) {
        const tell = start?.pull?.onProgress;
        tell?.({ type: "missing", reference: "alpine:latest" });
        tell?.({ type: "start", reference: "alpine:latest", digest: "sha256:d", layers: 1, totalBytes: 5 });
        tell?.({ type: "done", reference: "alpine:latest", digest: "sha256:d", upToDate: false });
        return (engine.run as EngineApi["run"])(options, start);
      },
    };
    process_.end({});
    expect((await runCommand(run, ["alpine"], { engine: pulling })).err).toBe(
      [
        "Unable to find image 'alpine:latest' locally",
        "latest: Pulling from library/alpine",
        "Digest: sha256:d",
        "Status: Downloaded newer image for alpine:latest",
        "WARNING: no swap limit",
        "",
      ].join("\n"),
    );
    expect((await runCommand(run, ["-q", "alpine"], { engine: pulling })).err).toBe(
      "WARNING: no swap limit\n",
    );
  });
});

/** Waits until `condition` holds; the test's own limit ends it otherwise. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("attached", () => {
  const input = () =>
    Object.assign(new PassThrough(), {
      raw: [] as boolean[],
      setRawMode: function (this: { raw: boolean[] }, raw: boolean) {
        this.raw.push(raw);
      },
    });

  it("passes input on and closes it at its end", async () => {
    const source = new PassThrough();
    process_.stdin.pipe(process_.stdout);
    process_.stdin.on("end", () => process_.end({}));
    source.end("hi\n");
    const result = await runCommand(run, ["-i", "alpine"], {
      engine,
      terminal: { stdout, input: () => source },
    });
    expect(result.code).toBe(0);
    expect(output()).toBe("hi\n");
  });

  it("makes the terminal raw, follows its size and restores it", async () => {
    const source = input();
    let changed = () => {};
    let size = { rows: 24, columns: 80 };
    const terminal = {
      stdout,
      isTerminal: () => true,
      input: () => source as unknown as Input,
      size: () => size,
      onResize: (callback: () => void) => {
        changed = callback;
        return () => {};
      },
    };
    const running = runCommand(run, ["-it", "alpine"], { engine, terminal });
    await until(() => source.raw.length === 1);
    expect(asked?.start.size).toEqual({ rows: 24, columns: 80 });
    size = { rows: 50, columns: 120 };
    changed();
    process_.end({ exitCode: 3 });
    expect((await running).code).toBe(3);
    expect(process_.sizes).toEqual([[50, 120]]);
    expect(source.raw).toEqual([true, false]);
  });

  it("lets go at the detach keys", async () => {
    const source = input();
    const terminal = { stdout, isTerminal: () => true, input: () => source as unknown as Input };
    const running = runCommand(run, ["-it", "--detach-keys", "ctrl-a,x", "alpine"], { engine, terminal });
    source.write("ls\x01");
    source.write("x");
    expect(await running).toMatchObject({ code: 0, err: expect.stringContaining("read escape sequence\n") });
    expect(process_.stdin.read()?.toString()).toBe("ls");
    expect(process_.detached).toBe(true);
    expect(source.raw).toEqual([true, false]);
  });

  it("hands signals on to the process, until it has ended", async () => {
    const before = process.listenerCount("SIGUSR2");
    const running = runCommand(run, ["alpine"], { engine, terminal: { stdout } });
    await until(() => process.listenerCount("SIGUSR2") > before);
    process.kill(process.pid, "SIGUSR2");
    await until(() => process_.signals.length > 0);
    process_.end({});
    await running;
    expect(process_.signals).toEqual(["SIGUSR2"]);
    expect(process.listenerCount("SIGUSR2")).toBe(before);
  });

  it("keeps signals to itself with --sig-proxy=false", async () => {
    const before = process.listenerCount("SIGUSR2");
    process_.end({});
    const running = runCommand(run, ["--sig-proxy=false", "alpine"], { engine, terminal: { stdout } });
    expect(process.listenerCount("SIGUSR2")).toBe(before);
    await running;
  });

  it("fails where its output cannot be written", async () => {
    const closed = openSync("/dev/full", "w");
    const running = runCommand(run, ["alpine"], { engine, terminal: { stdout: closed } });
    process_.stdout.write("x");
    await expect(running).rejects.toThrow("ENOSPC");
  });
});

describe("exec", () => {
  const request = async (...argv: string[]): Promise<ExecOptions | undefined> => {
    let options: ExecOptions | undefined;
    const execEngine: FakeEngine = {
      exec: async (_, given) => {
        options = given;
        return process_;
      },
    };
    process_.end({ exitCode: 5 });
    const { code } = await runCommand(exec, argv, { engine: execEngine, terminal: { stdout } });
    expect(code).toBe(argv.includes("-d") ? 0 : 5);
    return options;
  };

  it("takes everything after the container as the command", async () => {
    expect(
      await request("-e", "A=1", "-u", "nobody", "-w", "/tmp", "box", "ls", "-la", "--color"),
    ).toMatchObject({
      command: ["ls", "-la", "--color"],
      env: ["A=1"],
      user: "nobody",
      workdir: "/tmp",
      attach: { stdin: false, stdout: true, stderr: true },
    });
  });

  it("attaches to nothing with -d", async () => {
    const options = await request("-d", "box", "true");
    expect(options).toMatchObject({ detach: true });
    expect(options).not.toHaveProperty("attach");
  });
});

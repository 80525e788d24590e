/** tsrun-oci as the runtime of Debian's containerd, by `ctr`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CliResult } from "../support/cli.ts";
import { TSRUN_OCI } from "../support/oci.ts";
import { assertTestHost } from "../support/test-host.ts";
import { IMAGE, writeImage } from "./support/engine-image.ts";
import { type Engine, leftUnder, limitsOf, NOTHING, PATIENT } from "./support/engine-life.ts";
import { removeGroups, startMachine } from "./support/machine.ts";

let containerd: Engine;
let directory: string;

/** A namespace of containerd is a folder of the runtime's state, and by default the control group of its containers. */
const NAMESPACE = `tsrun-containerd-${process.pid}`;
const STATE = `/run/containerd/runc/${NAMESPACE}`;

const ctr = (...args: string[]): Promise<CliResult> =>
  containerd.machine.run([...containerd.program, ...args]);
const ok = (...args: string[]): Promise<string> => containerd.machine.output(...containerd.program, ...args);
const words = (flags: readonly string[], id: string, command: readonly string[]): string[] => [
  ...["run", "--runc-binary", TSRUN_OCI, ...flags, IMAGE, id, ...command],
];
const run = (flags: readonly string[], id: string, ...command: string[]): Promise<CliResult> =>
  ctr(...words(flags, id, command));

/** What `ctr task list` says of it. */
async function statusOf(id: string): Promise<string | undefined> {
  const line = (await ok("task", "list")).split("\n").find((each) => each.startsWith(`${id} `));
  return line?.split(/ +/)[2];
}

beforeAll(async () => {
  assertTestHost();
  directory = mkdtempSync(join(tmpdir(), "tsrun-containerd-"));
  const machine = await startMachine("containerd", directory);
  const configuration = join(directory, "config.toml");
  writeFileSync(configuration, `version = 2\nroot = "${join(directory, "root")}"\n`);
  const program = ["ctr", "--namespace", NAMESPACE];
  containerd = { machine, program, group: NAMESPACE, tellsOom: true, state: STATE };
  await machine.daemon(["containerd", "--config", configuration], ["ctr", "version"]);
  await ok("image", "import", writeImage(directory));
});

afterAll(async () => {
  const left = await leftUnder(() => containerd);
  const programs = await containerd.machine.programs();
  await containerd.machine.stop();
  await removeGroups(NAMESPACE);
  rmSync(directory, { recursive: true });
  expect({ ...left, programs }).toEqual({ ...NOTHING, programs: ["containerd"] });
});

describe("run", () => {
  test("has the program's output, input and exit code", async () => {
    const { code, stdout } = await run(["--rm"], "once", "sh", "-c", "echo out; exit 7");
    expect({ code, stdout }).toEqual({ code: 7, stdout: "out\n" });
    const { machine, program } = containerd;
    const fed = await machine.run([...program, ...words(["--rm"], "fed", ["head", "-n1"])], {
      input: "said\n",
    });
    expect(fed).toMatchObject({ code: 0, stdout: "said\n" });
  });

  test("says in containerd's words what could not be started", async () => {
    expect(await run(["--rm"], "missing", "nothing-here")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'OCI runtime create failed: exec: "nothing-here": executable file not found',
      ),
    });
  });

  test("binds what it is told, and has the host's network where it is told", async () => {
    const mount = ["--mount", "type=bind,src=/etc/hostname,dst=/its,options=rbind:ro"];
    const script = "test -s /its; echo $?; echo x >/its; hostname";
    const { stdout, stderr } = await run(["--rm", "--net-host", ...mount], "bound", "sh", "-c", script);
    expect(stdout.split("\n")[0]).toBe("0");
    expect(stderr).toContain("Read-only file system");
  });

  test("-t has a terminal with its size", async () => {
    const { machine, program } = containerd;
    const terminal = await machine.terminal();
    try {
      await terminal.line(
        machine.command(...program, ...words(["--rm", "-t", "--env", "PS1=in# "], "typed", ["sh"])),
      );
      await terminal.until(/in# *$/);
      await terminal.resize(101, 33);
      await terminal.line("clear; sleep 0.5; tty; stty size");
      await terminal.until(/^\/dev\/(pts\/0|console)\n33 101$/m);
      await terminal.line("exit 5");
      await terminal.until(/host\$ *$/);
      await terminal.line("echo code=$?");
      await terminal.until(/code=5/);
    } finally {
      await terminal.close();
    }
  });
});

describe("a task that runs", () => {
  const limits = ["--memory-limit", "67108864", "--cpus", "0.5"];
  const exec = (id: string, ...command: string[]): Promise<CliResult> =>
    ctr("task", "exec", "--exec-id", `e-${Math.random().toString(36).slice(2)}`, id, ...command);

  test("has its limits, and is measured", async () => {
    await run(["-d", ...limits], "limited", "sleep", "60");
    expect((await containerd.machine.sh(limitsOf(`${NAMESPACE}/limited`))).split("\n")).toMatchObject({
      0: "67108864",
      2: "50000",
    });
    expect(await ok("task", "metrics", "limited")).toMatch(
      /^(memory\.limit_in_bytes|memory\.usage_limit) +67108864\b/m,
    );
    await ok("task", "kill", "-s", "KILL", "limited");
    await expect.poll(() => statusOf("limited")).toBe("STOPPED");
    await ctr("task", "delete", "limited");
    await ok("container", "delete", "limited");
  });

  test("is joined, paused, and ended by a signal with what it makes of it", async () => {
    await run(["-d"], "patient", ...PATIENT);
    const flags = ["--exec-id", "one", "--user", "1000", "--cwd", "/tmp"];
    const { code, stdout } = await ctr(
      "task",
      "exec",
      ...flags,
      "patient",
      "sh",
      "-c",
      "id -un; pwd; exit 5",
    );
    expect({ code, stdout }).toEqual({ code: 5, stdout: "app\n/tmp\n" });
    expect(await exec("patient", "nothing-here")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("not found"),
    });
    expect((await ok("task", "ps", "patient")).split("\n").length).toBeGreaterThan(1);
    await ok("task", "pause", "patient");
    expect(await statusOf("patient")).toBe("PAUSED");
    await ok("task", "resume", "patient");
    expect(await statusOf("patient")).toBe("RUNNING");
    await ok("task", "kill", "-s", "TERM", "patient");
    await expect.poll(() => statusOf("patient")).toBe("STOPPED");
    expect((await ctr("task", "delete", "patient")).stderr).toContain("non-zero exit code 3");
    await ok("container", "delete", "patient");
  });

  test("is found again by a containerd that was killed", async () => {
    const { machine } = containerd;
    await run(["-d"], "outlives", "sleep", "60");
    await machine.sh("kill -KILL $(pidof containerd)");
    await machine.daemon(["containerd", "--config", join(directory, "config.toml")], ["ctr", "version"]);
    expect(await statusOf("outlives")).toBe("RUNNING");
    expect(await exec("outlives", "echo", "here")).toMatchObject({ stdout: "here\n" });
    await ok("task", "delete", "-f", "outlives");
    await ok("container", "delete", "outlives");
  });
});

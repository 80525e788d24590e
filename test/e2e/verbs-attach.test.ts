/** create, attach and wait: a container and its clients. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { openTmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun, tsrunWith } = host;
const start = (name: string, ...words: string[]): Promise<string> =>
  output("run", "-d", "--network", "none", "--name", name, IMAGE, ...words);
const status = (name: string): Promise<string> => output("inspect", "-f", "{{.State.Status}}", name);

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("create", () => {
  test("makes a container that does not run, and says its id", async () => {
    const cidfile = join(host.directory, "cid");
    const id = await output(
      "create",
      "--name",
      "made",
      "--cidfile",
      cidfile,
      "-m",
      "64m",
      IMAGE,
      "sleep",
      "9",
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(readFileSync(cidfile, "utf8")).toBe(id);
    expect(await output("ps", "-a", "--format", "{{.Names}} {{.Status}} {{.Command}}")).toBe(
      'made Created "sleep 9"',
    );
    expect(await output("inspect", "-f", "{{.State.Status}} {{.HostConfig.Memory}} {{.Path}}", "made")).toBe(
      "created 67108864 sleep",
    );
    expect(await output("ps", "-q")).toBe("");
    expect(await output("rm", "made")).toBe("made");
  });

  test("notes what is to be attached to", async () => {
    const attached = "{{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.AttachStderr}}";
    await output("create", "--name", "plain", IMAGE);
    await output("create", "--name", "picky", "-i", "-a", "stdin", "-a", "stderr", IMAGE);
    await start("alone", "sleep", "100");
    expect(await output("inspect", "-f", attached, "plain", "picky", "alone")).toBe(
      "false true true\ntrue false true\nfalse false false",
    );
  });

  test("fails as docker does, and leaves nothing", async () => {
    await output("create", "--name", "taken", IMAGE);
    expect(await tsrun("create", "--name", "taken", IMAGE)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The container name "/taken" is already in use'),
    });
    expect(await tsrun("create", "--pull", "never", "no/such")).toMatchObject({ code: 1, stdout: "" });
    expect((await tsrun("create", "--detach", IMAGE)).code).toBe(125);
    expect(host.containers()).toHaveLength(1);
  });

  test("--dry-run prints the Plan of its start", async () => {
    expect(await output("create", "--dry-run", "--network", "none", IMAGE, "true")).toContain("execve");
    expect(host.containers()).toEqual([]);
  });
});

describe("attach", () => {
  test("shows what is written from now on, and ends as the container does", async () => {
    await start("talker", "sh", "-c", "echo before; sleep 1; echo out; echo err >&2; exit 7");
    await expect.poll(() => output("logs", "talker")).toBe("before");
    const [one, two] = await Promise.all([tsrun("attach", "talker"), tsrun("container", "attach", "talker")]);
    expect(one).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
    expect(two).toEqual(one);
  });

  test("gives the container its input, and --no-stdin does not", async () => {
    await output(
      "run",
      "-di",
      "--network",
      "none",
      "--name",
      "echo",
      IMAGE,
      "sh",
      "-c",
      "read x; echo got $x",
    );
    const silent = host.start({ input: "wrong\n" }, "attach", "--no-stdin", "echo");
    await sleep(500);
    expect((await tsrunWith({ input: "right\n" }, "attach", "echo")).stdout).toBe("got right\n");
    expect(await silent.result).toMatchObject({ code: 0, stdout: "got right\n" });
  });

  test("hands signals on, unless told not to", async () => {
    const script = "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    await start("careful", "sh", "-c", script);
    await expect.poll(() => output("logs", "careful")).toBe("ready");
    const deaf = host.start({}, "attach", "--sig-proxy=false", "careful");
    const proxy = host.start({}, "attach", "careful");
    await sleep(700);
    deaf.child.kill("SIGTERM");
    expect((await deaf.result).code).toBe(143);
    expect(await status("careful")).toBe("running");
    proxy.child.kill("SIGTERM");
    expect(await proxy.result).toMatchObject({ code: 3, stdout: "term\n" });
  });

  test("refuses what does not run", async () => {
    await output("create", "--name", "made", IMAGE);
    await tsrun("run", "--network", "none", "--name", "over", IMAGE, "true");
    for (const name of ["made", "over"]) {
      expect(await tsrun("attach", name)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("You cannot attach to a stopped container, start it first"),
      });
    }
    expect(await tsrun("attach", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: nobody"),
    });
  });

  test("in a terminal: its size, the prompt, and the detach keys", async () => {
    await output("run", "-dit", "--network", "none", "--name", "shell", "-e", "PS1=in# ", IMAGE, "sh");
    const terminal = await openTmux({ directory: host.directory, env: host.env, columns: 90, rows: 30 });
    try {
      await terminal.line("tsrun attach shell");
      await sleep(700);
      await terminal.line("stty size");
      await terminal.until(/^30 90$/m);
      await terminal.keys("C-p", "C-q");
      await terminal.until(/read escape sequence[\s\S]*host\$$/);
      expect(await status("shell")).toBe("running");
      await terminal.line("clear; tsrun attach --detach-keys=ctrl-x shell; echo left $?");
      await sleep(700);
      await terminal.line("echo $((6*7))");
      await terminal.until(/^42$/m);
      await terminal.keys("C-x");
      await terminal.until(/left 0/);
      expect(await status("shell")).toBe("running");
    } finally {
      await terminal.close();
    }
    expect(await tsrun("attach", "shell")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the input device is not a TTY"),
    });
  });
});

describe("wait", () => {
  test("prints the exit codes, in the order of the names", async () => {
    await start("slow", "sh", "-c", "sleep 1; exit 4");
    await start("quick", "sh", "-c", "exit 5");
    await output("create", "--name", "never", IMAGE);
    expect(await tsrun("wait", "slow", "quick", "never")).toEqual({
      code: 0,
      stdout: "4\n5\n0\n",
      stderr: "",
    });
    expect(await output("container", "wait", "slow")).toBe("4");
  });

  test("sees the end of a container that goes with it", async () => {
    await output(
      "run",
      "-d",
      "--rm",
      "--network",
      "none",
      "--name",
      "gone",
      IMAGE,
      "sh",
      "-c",
      "sleep 1; exit 6",
    );
    expect(await output("wait", "gone")).toBe("6");
    await expect.poll(() => host.containers()).toEqual([]);
  });

  test("hears of a kill at once, and of the end of a paused one", async () => {
    await start("victim", "sleep", "1000");
    const waiting = host.start({}, "wait", "victim");
    await sleep(500);
    await output("pause", "victim");
    await output("kill", "victim");
    expect((await waiting.result).stdout).toBe("137\n");
  });

  test("a container whose monitor was killed has ended with 137", async () => {
    await start("orphan", "sleep", "1000");
    const waiting = host.start({}, "wait", "orphan");
    await sleep(500);
    const state = JSON.parse(
      readFileSync(join(host.root, "containers", host.containers()[0] as string, "state.json"), "utf8"),
    );
    process.kill(state.monitorPid, "SIGKILL");
    expect((await waiting.result).stdout).toBe("137\n");
  });

  test("of one with a restart policy tells the first end, as docker does", async () => {
    const flags = ["--network", "none", "--restart", "always"];
    await output("run", "-d", "--name", "again", ...flags, IMAGE, "sh", "-c", "sleep 1; exit 8");
    expect(await output("wait", "again")).toBe("8");
    expect(await tsrun("wait", "again")).toMatchObject({ code: 0, stdout: "8\n" });
  });

  test("says which one there is not, and waits for the others", async () => {
    await start("there", "sh", "-c", "exit 1");
    expect(await tsrun("wait", "nobody", "there")).toEqual({
      code: 1,
      stdout: "1\n",
      stderr: expect.stringContaining("No such container: nobody"),
    });
  });
});

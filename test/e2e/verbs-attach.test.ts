/** create, attach and wait: a container and its clients. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { openTmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";
import { catches, socketsOf } from "./support/processes.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun, tsrunWith } = host;
const start = (name: string, ...words: string[]): Promise<string> =>
  output("run", "-d", "--network", "none", "--name", name, IMAGE, ...words);
const status = (name: string): Promise<string> => output("inspect", "-f", "{{.State.Status}}", name);

/** What a container does until it is told to go on. */
const WAIT = "until [ -e /go ]; do sleep 0.05; done";
/** The exec may go with the container. */
const goOn = (name: string): Promise<unknown> => tsrun("exec", name, "touch", "/go");

async function monitorOf(name: string): Promise<number> {
  const id = await output("inspect", "-f", "{{.Id}}", name);
  return JSON.parse(readFileSync(join(host.root, "containers", id, "state.json"), "utf8")).monitorPid;
}

/** To be called before clients are started; what it returns waits until the monitor has accepted so many. */
async function awaitClients(name: string): Promise<(count: number) => Promise<void>> {
  const monitor = await monitorOf(name);
  const before = socketsOf(monitor);
  return async (count) => expect.poll(() => socketsOf(monitor) - before, { interval: 20 }).toBe(count);
}

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
    await start("talker", "sh", "-c", `echo before; ${WAIT}; echo out; echo err >&2; exit 7`);
    await expect.poll(() => output("logs", "talker")).toBe("before");
    const accepted = await awaitClients("talker");
    const both = [tsrun("attach", "talker"), tsrun("container", "attach", "talker")] as const;
    await accepted(2);
    await goOn("talker");
    const [one, two] = await Promise.all(both);
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
    const accepted = await awaitClients("echo");
    const silent = host.start({ input: "wrong\n" }, "attach", "--no-stdin", "echo");
    await accepted(1);
    expect((await tsrunWith({ input: "right\n" }, "attach", "echo")).stdout).toBe("got right\n");
    expect(await silent.result).toMatchObject({ code: 0, stdout: "got right\n" });
  });

  test("hands signals on, unless told not to", async () => {
    const script = "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    await start("careful", "sh", "-c", script);
    await expect.poll(() => output("logs", "careful")).toBe("ready");
    const accepted = await awaitClients("careful");
    const deaf = host.start({}, "attach", "--sig-proxy=false", "careful");
    const proxy = host.start({}, "attach", "careful");
    await accepted(2);
    await expect.poll(() => catches(proxy.child.pid as number, "SIGTERM")).toBe(true);
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
      const accepted = await awaitClients("shell");
      await terminal.line("tsrun attach shell");
      await accepted(1);
      await terminal.line("stty size");
      await terminal.until(/^30 90$/m);
      await terminal.keys("C-p", "C-q");
      await terminal.until(/read escape sequence[\s\S]*host\$$/);
      expect(await status("shell")).toBe("running");
      await accepted(0);
      await terminal.line("clear; tsrun attach --detach-keys=ctrl-x shell; echo left $?");
      await accepted(1);
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
      `${WAIT}; exit 6`,
    );
    const accepted = await awaitClients("gone");
    const waiting = output("wait", "gone");
    await accepted(1);
    await goOn("gone");
    expect(await waiting).toBe("6");
    await expect.poll(() => host.containers()).toEqual([]);
  });

  test("hears of a kill at once, and of the end of a paused one", async () => {
    await start("victim", "sleep", "1000");
    const accepted = await awaitClients("victim");
    const waiting = host.start({}, "wait", "victim");
    await accepted(1);
    await output("pause", "victim");
    await output("kill", "victim");
    expect((await waiting.result).stdout).toBe("137\n");
  });

  test("a container whose monitor was killed has ended with 137", async () => {
    await start("orphan", "sleep", "1000");
    const accepted = await awaitClients("orphan");
    const waiting = host.start({}, "wait", "orphan");
    await accepted(1);
    process.kill(await monitorOf("orphan"), "SIGKILL");
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

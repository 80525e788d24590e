import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTmux, type Tmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: ["busybox", "alpine"] });
const { output, tsrun } = host;
const status = (name: string): Promise<string> => output("inspect", "-f", "{{.State.Status}}", name);

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("run -it in a terminal", () => {
  let terminal: Tmux;
  beforeEach(async () => {
    terminal = await openTmux({ directory: host.directory, env: host.env });
  });
  afterEach(() => terminal?.close());

  /** Types the command and waits for the container's prompt. */
  async function enter(...flags: string[]): Promise<void> {
    await terminal.line(`tsrun run -it -e PS1='in# ' ${flags.join(" ")} alpine sh`);
    await terminal.until(/in# *$/);
  }

  /** Types a command that does nothing, and waits until the one container's shell executes it. */
  async function sleepInForeground(): Promise<void> {
    await terminal.line("sleep 1000");
    await expect.poll(() => output("top", host.containers()[0] as string)).toContain("sleep 1000");
  }

  test("shows a prompt, runs what is typed, and ends with the shell's exit code", async () => {
    await enter("--rm");
    await terminal.line("echo $((6*7)) $(tty) $TERM");
    await terminal.until(/^42 \/dev\/(pts\/0|console) xterm$/m);
    await terminal.line("exit 5");
    await terminal.until(/host\$ $|host\$$/);
    await terminal.line("echo code=$?");
    await terminal.until(/code=5/);
    // The terminal is as it was: it echoes, and Enter makes a new line.
    await terminal.line("stty | grep -c -- '-icanon\\|-echo '");
    await terminal.until(/^0$/m);
    expect(host.containers()).toEqual([]);
  });

  test("has the terminal's size and follows it", async () => {
    await enter("--rm");
    await terminal.line("stty size");
    await terminal.until(/^24 80$/m);
    await terminal.resize(101, 33);
    await terminal.line("clear; until stty size | grep '^33 101$'; do sleep 0.1; done");
    await terminal.until(/^33 101$/m);
    await terminal.line("clear; sh -c 'trap \"stty size\" WINCH; echo ready; while :; do sleep 0.05; done'");
    await terminal.until(/^ready/m);
    await terminal.resize(90, 30);
    await terminal.until(/^30 90$/m);
    await terminal.keys("C-c");
    await terminal.until(/in# *$/);
    await terminal.line("exit");
    await terminal.until(/host\$$/);
  });

  test("Ctrl-C interrupts the program in it, not the container", async () => {
    await enter("--rm");
    await sleepInForeground();
    await terminal.keys("C-c");
    await terminal.until(/\^C\n+in# *$/);
    await terminal.line("clear; echo still $((1+1))");
    await terminal.until(/^still 2/m);
    await terminal.keys("C-d");
    await terminal.until(/host\$$/);
  });

  test("has job control: Ctrl-Z, jobs, bg, fg", async () => {
    await enter("--rm");
    await sleepInForeground();
    await terminal.keys("C-z");
    await terminal.until(/Stopped/);
    await terminal.line("clear; bg; jobs");
    await terminal.until(/Running +sleep 1000/);
    await terminal.line("clear; fg");
    await terminal.until(/^sleep 1000$/m);
    await terminal.keys("C-c");
    await terminal.until(/\^C\n+in# *$/);
    await terminal.line("clear; jobs; echo none left");
    await terminal.until(/^none left/m);
    await terminal.line("exit");
    await terminal.until(/host\$$/);
  });

  test("Ctrl-P Ctrl-Q leaves it running, and logs has what was shown", async () => {
    await enter("--name", "left");
    await terminal.line("echo $((40+2)) is in the log");
    await terminal.until(/^42 is in the log$/m);
    await terminal.keys("C-p", "C-q");
    await terminal.until(/read escape sequence\n+host\$$/);
    expect(await status("left")).toBe("running");
    expect(await output("logs", "left")).toContain("42 is in the log");
    // A shell that reads commands ignores SIGTERM: the deadline has to end it.
    await output("stop", "-t", "1", "left");
    expect(await status("left")).toBe("exited");
  });

  test("--detach-keys chooses other keys, and Ctrl-P reaches the shell", async () => {
    await enter("--name", "keys", "--detach-keys", "ctrl-x,x");
    await terminal.line("echo a$((1+1))b");
    await terminal.until(/^a2b$/m);
    await terminal.keys("C-p");
    await terminal.keys("Enter");
    await terminal.until(/a2b[\s\S]*\na2b\n/);
    await terminal.keys("C-x", "x");
    await terminal.until(/read escape sequence/);
    expect(await status("keys")).toBe("running");
  });

  test("exec -it joins a container in a terminal of its own", async () => {
    await output("run", "-d", "--name", "server", "busybox", "sleep", "1000");
    await terminal.line("tsrun exec -it -e PS1='exec# ' server sh");
    await terminal.until(/exec# *$/);
    await terminal.line("stty size; tty");
    await terminal.until(/^24 80\n\/dev\/pts\/\d+$/m);
    await terminal.keys("C-c");
    await terminal.line("exit 9");
    await terminal.until(/host\$$/);
    await terminal.line("echo code=$?");
    await terminal.until(/code=9/);
    expect(await status("server")).toBe("running");
  });

  test("a full-screen program works", async () => {
    await enter("--rm");
    await terminal.line("seq 1 100 >/tmp/f; vi /tmp/f");
    await terminal.until(/^1\n2\n[\s\S]*\/tmp\/f/);
    await terminal.keys("G");
    await terminal.until(/\n100\n/);
    await terminal.line(":q!");
    await terminal.line("clear; echo back");
    await terminal.until(/^back/m);
    await terminal.line("exit");
    await terminal.until(/host\$$/);
  });

  test("without -i and -t, Ctrl-C ends the container", async () => {
    await terminal.line("tsrun run --rm --init --name looping busybox sh -c 'echo begun; sleep 1000'");
    await terminal.until(/^begun$/m);
    await terminal.keys("C-c");
    await terminal.until(/\^C\n*host\$$/);
    await terminal.line("echo code=$?");
    await terminal.until(/code=130/);
    expect(host.containers()).toEqual([]);
  });

  test("a pull shows its progress in one line that is gone afterwards", async () => {
    await output("rmi", "busybox");
    await terminal.line("clear; tsrun pull busybox");
    const screen = await terminal.until(/docker\.io\/library\/busybox:latest/);
    expect(screen).toMatch(
      /latest: Pulling from library\/busybox\nDigest: sha256:[0-9a-f\n]+\nStatus: Downloaded newer image/,
    );
  });
});

describe("signals", () => {
  const waiting =
    "trap 'echo got term; exit 3' TERM; trap 'echo got usr1' USR1; echo ready; while :; do sleep 0.05; done";

  test("that reach the command are passed on to the process", async () => {
    const running = host.start({}, "run", "--rm", "busybox", "sh", "-c", waiting);
    await running.until(/ready/);
    running.child.kill("SIGUSR1");
    await running.until(/got usr1/);
    running.child.kill("SIGTERM");
    expect(await running.result).toMatchObject({ code: 3, stdout: "ready\ngot usr1\ngot term\n" });
  });

  test("that a first process is deaf to let go of it at the third", async () => {
    const running = host.start(
      {},
      "run",
      "--name",
      "deaf",
      "busybox",
      "sh",
      "-c",
      "echo ready; exec sleep 1000",
    );
    await running.until(/ready/);
    const filters = ["-f", "container=deaf", "-f", "event=kill", "--format", "{{.Action}}"];
    const kills = (): Promise<string> => output("events", "--since", "0", "--until", "0s", ...filters);
    const signals = ["SIGINT", "SIGTERM", "SIGINT"] as const;
    for (const [index, signal] of signals.entries()) {
      // Signals that are pending twice are delivered once: each waits until the one before is told of.
      await expect.poll(kills).toBe(Array(index).fill("kill").join("\n"));
      running.child.kill(signal);
    }
    expect(await running.result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/forcefully exiting\nhint: .*`tsrun kill deaf` ends it/),
    });
    expect(await status("deaf")).toBe("running");
  });

  test("stay with the command under --sig-proxy=false", async () => {
    const running = host.start(
      {},
      "run",
      "--name",
      "alone",
      "--sig-proxy=false",
      "busybox",
      "sh",
      "-c",
      waiting,
    );
    await running.until(/ready/);
    running.child.kill("SIGTERM");
    expect(await running.result).toMatchObject({ code: 143, stdout: "ready\n" });
    expect(await status("alone")).toBe("running");
  });

  test("that kill the command leave the container running", async () => {
    const running = host.start({}, "run", "--name", "orphan", "busybox", "sh", "-c", waiting);
    await running.until(/ready/);
    running.child.kill("SIGKILL");
    await running.result;
    expect(await status("orphan")).toBe("running");
    await output("stop", "orphan");
    expect(await output("inspect", "-f", "{{.State.ExitCode}}", "orphan")).toBe("3");
  });

  test("kill sends them by name and by number", async () => {
    await output("run", "-d", "--name", "target", "busybox", "sh", "-c", waiting);
    await expect.poll(() => output("logs", "target")).toBe("ready");
    await output("kill", "-s", "USR1", "target");
    await expect.poll(() => output("logs", "target")).toBe("ready\ngot usr1");
    await output("kill", "--signal", "15", "target");
    await expect.poll(() => status("target")).toBe("exited");
    const { code, stderr } = await tsrun("kill", "target");
    expect(code).toBe(1);
    expect(stderr).toContain("is not running");
  });
});

test("the reader of the output may go at any time", async () => {
  const { code, stdout } = await host.shell("set -o pipefail; tsrun run --rm busybox yes | head -n 2");
  expect({ code, stdout }).toEqual({ code: 141, stdout: "y\ny\n" });
});

/** Completion as somebody at a terminal gets it, in each shell that there is a script for. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTmux, type Tmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;

beforeAll(async () => {
  await output("run", "-d", "--name", "runner", "--network", "none", "busybox", "sleep", "1000");
  await output("run", "--name", "sleeper", "--network", "none", "busybox", "true");
  writeFileSync(join(host.directory, "file.env"), "A=1\n");
});

const SHELLS = [
  { shell: "bash", start: "bash --norc --noprofile", load: "source <(tsrun completion bash)" },
  {
    shell: "zsh",
    start: "zsh -f",
    load: "autoload -U compinit; compinit -u; source <(tsrun completion zsh)",
  },
  {
    shell: "fish",
    start: "fish --no-config",
    load: "set -g fish_autosuggestion_enabled 0; tsrun completion fish | source",
  },
];

describe.each(SHELLS)("$shell", ({ start, load }) => {
  let terminal: Tmux;
  beforeAll(async () => {
    const { directory, env } = host;
    terminal = await openTmux({ directory, env, columns: 100, rows: 50 });
    await terminal.line(`cd ${directory}; exec ${start}`);
    await terminal.line(load);
    await terminal.line("echo loa''ded");
    await terminal.until(/^loaded/m);
  });
  afterAll(() => terminal?.close());

  test.each([
    ["a command", "tsrun vers", "tsrun version"],
    ["a command of a group", "tsrun container insp", "tsrun container inspect"],
    ["an option", "tsrun run --rm --read", "tsrun run --rm --read-only"],
    ["an option's value", "tsrun run --pull nev", "tsrun run --pull never"],
    ["an option's value after =", "tsrun run --network=ho", "tsrun run --network=host"],
    ["a container that can be stopped", "tsrun stop ", "tsrun stop runner"],
    ["a container that has ended", "tsrun rm sl", "tsrun rm sleeper"],
    ["an image with its tag", "tsrun run --rm busybox:la", "tsrun run --rm busybox:latest"],
    ["a file", "tsrun run --env-file fil", "tsrun run --env-file file.env"],
    ["an option of tsrun itself", "tsrun --log-level err", "tsrun --log-level error"],
  ])("completes %s", async (_, typed, completed) => {
    await terminal.keys("C-l");
    await terminal.type(typed);
    await terminal.keys("Tab");
    // The word is complete: the next one begins after a blank.
    await terminal.type("#");
    await terminal.until(new RegExp(`${completed.replaceAll(".", "\\.")} #`));
    await terminal.keys("C-u");
  });

  test("lists what there is to choose from, with notes", async () => {
    await terminal.keys("C-l");
    await terminal.type("tsrun container ");
    await terminal.keys("Tab");
    await terminal.keys("Tab");
    const shown = await terminal.until(/Fetch the logs of a container/);
    expect(shown).toMatch(/\blogs +(-- |\()Fetch the logs/);
    expect(shown).not.toContain("reap");
    await terminal.keys("C-c");
  });
});

test("an unknown shell is refused", async () => {
  const { code, stderr } = await tsrun("completion", "tcsh");
  expect(stderr).toContain('no completion for the shell "tcsh"');
  expect(stderr).toContain("hint: the shells are bash, zsh, fish");
  expect(code).toBe(125);
});

test.each([
  [["--", "nosuch", ""], ":4\n"],
  [["--", "run", "--nosuch", "x", "--", ""], ":4\n"],
  [["--", "--root", "/dev/null/x", "rm", ""], ":4\n"],
  [[], undefined],
])("__complete %j never fails", async (args, stdout) => {
  const result = await tsrun("__complete", ...args);
  expect(result).toMatchObject({ code: 0, stderr: "" });
  if (stdout !== undefined) expect(result.stdout).toBe(stdout);
});

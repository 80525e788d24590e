import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { helpText } from "../../../src/cli/help.ts";
import { find } from "../../../src/cli/main.ts";
import { nearest } from "../../../src/cli/nearest.ts";
import { commands, groups } from "../../../src/cli/registry.ts";

const entry = fileURLToPath(new URL("../../../src/cli/entry.ts", import.meta.url));

function tsrun(...argv: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [entry, ...argv], { encoding: "utf8" });
}

describe("find", () => {
  it.each([
    [["ps", "-a"], ["ps"], ["-a"]],
    [["container", "ls", "-a"], ["container", "ls"], ["-a"]],
    [["container", "ps"], ["container", "ps"], []],
    [["image", "list"], ["image", "list"], []],
    [["container"], ["container"], []],
    [["image", "--help"], ["image"], ["--help"]],
  ])("%j", (words, path, rest) => {
    expect(find(words)).toMatchObject({ path, rest });
  });

  it.each([
    [["pss"], "unknown command: tsrun pss", "did you mean `tsrun ps`?"],
    [
      ["container", "foo"],
      "unknown command: tsrun container foo",
      "`tsrun container --help` lists the commands",
    ],
    [["rnu"], "unknown command: tsrun rnu", "did you mean `tsrun run`?"],
    [["plugin"], "unknown command: tsrun plugin", "`tsrun --help` lists the commands"],
    [["buildx"], "unknown command: tsrun buildx", expect.stringContaining("`tsrun build`")],
    [["swarm"], "unknown command: tsrun swarm", expect.stringContaining("docs/engines.md")],
    [["toString"], "unknown command: tsrun toString", "`tsrun --help` lists the commands"],
  ])("does not know %j", (words, message, hint) => {
    expect(() => find(words)).toThrow(expect.objectContaining({ message, hint, exitCode: 1 }));
  });

  it("suggests only what is near", () => {
    expect(nearest("imagse", ["images", "inspect"])).toBe("images");
    expect(nearest("swarm", ["start", "search"])).toBeUndefined();
    expect(nearest("p", ["ps", "run"])).toBe("ps");
    expect(nearest("frobnicate", ["images", "inspect"])).toBeUndefined();
  });
});

describe("commands", () => {
  it("are called by the forms that they declare", async () => {
    const called = Object.entries(commands).map(([name, load]) => [name, load] as const);
    for (const [name, group] of Object.entries(groups)) {
      for (const [member, load] of Object.entries(group.commands)) called.push([`${name} ${member}`, load]);
      for (const [other, member] of Object.entries(group.aliases)) {
        called.push([`${name} ${other}`, group.commands[member] as (typeof called)[0][1]]);
      }
    }
    for (const [form, load] of called) expect((await load()).default.forms).toContain(form);
  });

  it("have no two options with one letter", async () => {
    for (const load of Object.values(commands)) {
      const letters = Object.values((await load()).default.options).flatMap((option) => {
        const { short } = option as { short?: string };
        return short === undefined ? [] : [short];
      });
      expect(new Set(letters).size).toBe(letters.length);
    }
  });
});

describe("helpText", () => {
  it("lists the commands", async () => {
    const text = await helpText([]);
    expect(text).toContain("Usage:  tsrun [OPTIONS] COMMAND\n");
    expect(text).toMatch(/^ {2}run +Create and run a new container from an image$/m);
    expect(text).toMatch(/^Global Options:\n {6}--config string/m);
  });

  it("shows a command's forms and options, and none that it refuses", async () => {
    const text = await helpText(["run"]);
    expect(text).toContain("Usage:  tsrun run [OPTIONS] IMAGE [COMMAND] [ARG...]\n");
    expect(text).toContain("Aliases:\n  tsrun container run, tsrun run\n");
    expect(text).toMatch(/^ {2}-e, --env list +Set environment variables$/m);
    expect(text).toMatch(/--sig-proxy +Proxy received signals to the process\s+\(default\s+true\)/);
    expect(text).not.toContain("--gpus");
  });

  it("shows a group", async () => {
    expect(await helpText(["image"])).toMatch(/^ {2}ls +List images$/m);
  });

  it("leaves out what tsrun itself calls", async () => {
    expect(await helpText([])).not.toContain("__complete");
    expect(await helpText(["container"])).not.toContain("reap");
  });

  it("lists everything once, with its summary in one column", async () => {
    const lists = (await helpText([])).split("\nGlobal Options:")[0] as string;
    const rows = [...lists.matchAll(/^ {2}([a-z]+) +(?=\S)/gm)];
    const names = rows.map(([, name]) => name);
    expect(names.toSorted()).toEqual(
      [...Object.keys(commands), ...Object.keys(groups)].filter((name) => name !== "__complete").toSorted(),
    );
    expect(new Set(rows.map(([row]) => row.length)).size).toBe(1);
  });

  it("fits into 80 columns", async () => {
    const paths = [[], ...Object.keys(commands).map((name) => [name])];
    for (const [name, group] of Object.entries(groups)) {
      paths.push([name], ...Object.keys(group.commands).map((member) => [name, member]));
    }
    for (const path of paths) {
      const lines = (await helpText(path)).split("\n");
      // Command lines are there to be copied, so they are never broken.
      expect(lines.filter((line) => line.length > 80 && !line.startsWith("  tsrun "))).toEqual([]);
    }
  });
});

describe("the process", () => {
  it.each([
    [["--version"], 0, /^tsrun version \d+\.\d+\.\d+\n$/],
    [["help", "ps"], 0, /^Usage: {2}tsrun ps \[OPTIONS\]\n/],
    [[], 0, /^Usage: {2}tsrun \[OPTIONS\] COMMAND\n/],
    [["container"], 0, /^Usage: {2}tsrun container COMMAND\n/],
  ])("answers %j", (argv, status, stdout) => {
    const result = tsrun(...argv);
    expect(result.stdout).toMatch(stdout);
    expect(result.status).toBe(status);
  });

  it.each([
    [
      ["run", "--foo"],
      125,
      "tsrun: unknown flag: --foo\n\nUsage:  tsrun run [OPTIONS] IMAGE [COMMAND] [ARG...]\n",
    ],
    [["run"], 1, "tsrun: 'tsrun run' requires at least 1 argument\n"],
    [["ps", "x"], 1, "tsrun: 'tsrun ps' accepts no arguments\n"],
    [["pull", "a", "b"], 1, "tsrun: 'tsrun pull' requires 1 argument\n"],
    [["images", "a", "b"], 1, "tsrun: 'tsrun images' requires at most 1 argument\n"],
    [["--nope"], 125, "tsrun: unknown flag: --nope\n"],
    [["-l", "loud", "ps"], 125, 'tsrun: invalid argument "loud" for "-l, --log-level" flag'],
    [["run", "-m", "1m", "x"], 125, "tsrun: Minimum memory limit allowed is 6MB\n"],
    [
      ["version", "-f", "{{foo}}"],
      1,
      'tsrun: template parsing error: template: :1: function "foo" not defined\n',
    ],
  ])("refuses %j", (argv, status, stderr) => {
    const result = tsrun(...argv);
    expect(result.stderr).toContain(stderr);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.status).toBe(status);
  });

  it("ends quietly, as if by SIGPIPE, where the reader of its output has gone", () => {
    const script = `{ sleep 0.2; exec "$0" "$1" --help; } | true; exit "\${PIPESTATUS[0]}"`;
    const result = spawnSync("bash", ["-c", script, process.execPath, entry], { encoding: "utf8" });
    expect(result).toMatchObject({ status: 141, stderr: "" });
  });
});

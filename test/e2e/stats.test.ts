import { totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { openTmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;

const BUSY = "while :; do :; done";

interface Row {
  CPUPerc: string;
  MemUsage: string;
  Name: string;
  NetIO: string;
  PIDs: string;
}

/** What `stats --no-stream` with these arguments says, by name. */
async function stats(...args: string[]): Promise<Record<string, Row>> {
  const lines = (await output("stats", "--no-stream", "--format", "json", ...args)).split("\n");
  const rows = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Row);
  return Object.fromEntries(rows.map((row) => [row.Name, row]));
}

const run = (name: string, flags: string[], script: string): Promise<string> =>
  output("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script);

/** Waits until the container's script has come to its end, where it makes this file. */
async function done(name: string): Promise<void> {
  while ((await tsrun("exec", name, "test", "-e", "/done")).code !== 0) await sleep(50);
}

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("stats", () => {
  test("tells processor time by the second, and memory against the limit", async () => {
    await run("half", ["--cpus", "0.5", "-m", "64m", "--network", "none"], BUSY);
    await run("idle", ["--network", "none"], "sleep 1000");
    const { half, idle } = await stats();
    const share = Number.parseFloat(half?.CPUPerc ?? "");
    // The machine may be busy with other things, but more than the quota is never granted for long.
    expect(share).toBeGreaterThan(5);
    expect(share).toBeLessThan(75);
    expect(half?.MemUsage).toMatch(/^[\d.]+[KM]iB \/ 64MiB$/);
    expect(idle).toMatchObject({ CPUPerc: "0.00%", PIDs: "1" });
    const limit = Number.parseFloat(idle?.MemUsage.split(" / ")[1] ?? "");
    expect(limit).toBeCloseTo(totalmem() / 2 ** 30, 1);
  });

  test("leaves out the file cache that is easily taken back", async () => {
    await run(
      "cache",
      ["--network", "none"],
      "head -c 40000000 /dev/urandom >/file; sync; >/done; sleep 1000",
    );
    await done("cache");
    const [, number = "", unit] = /^([\d.]+)(\w+) /.exec((await stats("cache")).cache?.MemUsage ?? "") ?? [];
    expect(["KiB", "MiB"]).toContain(unit);
    expect(unit === "KiB" ? 0 : Number(number)).toBeLessThan(20);
  });

  test("counts processes, and bytes of the container's own network", async () => {
    await run(
      "chatty",
      [],
      "sleep 1000 & ping -c 3 -i 0.1 -s 1000 $(ip route | cut -d' ' -f3 | head -n 1) >/dev/null; >/done; wait",
    );
    await run("shared", ["--network", "host"], "sleep 1000");
    await done("chatty");
    const { chatty, shared } = await stats("chatty", "shared");
    const [received, sent] = (chatty?.NetIO ?? "").split(" / ");
    expect(received).toMatch(/^[3-9](\.\d+)?kB$/);
    expect(sent).toMatch(/^[3-9](\.\d+)?kB$/);
    expect(chatty?.PIDs).toBe("2");
    expect(shared?.NetIO).toBe("0B / 0B");
  });

  test("shows what has ended only with -a or by name", async () => {
    await run("over", ["--network", "none"], "true");
    await output("stop", "over");
    expect(await stats()).toEqual({});
    const none = { CPUPerc: "0.00%", MemUsage: "0B / 0B", NetIO: "0B / 0B", PIDs: "0" };
    expect((await stats("-a")).over).toMatchObject(none);
    expect((await stats("over")).over).toMatchObject(none);
  });

  test("names what is not there", async () => {
    expect(await tsrun("stats", "--no-stream", "nope")).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("No such container: nope"),
    });
  });

  test("streams into a pipe without escape sequences, until the container is removed", async () => {
    await run("piped", ["--network", "none"], "sleep 1000");
    const stream = host.start({}, "stats", "--format", "{{.Name}} {{.PIDs}}", "piped");
    await stream.until(/(piped 1\n){2}/);
    await output("rm", "-f", "piped");
    const { code, stdout } = await stream.result;
    expect(stdout).toMatch(/^(piped 1\n)+(piped 0\n)*piped --\n$/);
    expect(code).toBe(0);
  });
});

test("a live table: containers come and go, Ctrl-C ends it", async () => {
  const { directory, env } = host;
  const terminal = await openTmux({ directory, env, columns: 120 });
  try {
    await run("first", ["--network", "none"], "sleep 1000");
    await terminal.line("tsrun stats");
    const before = await terminal.until(/first +0\.00%/);
    expect(before).toMatch(
      /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n/,
    );
    expect(before).not.toContain("host$");
    await run("second", ["--network", "none"], BUSY);
    await terminal.until(/second +[1-9][\d.]*%[^\n]*\n.*first/);
    await output("rm", "-f", "second");
    const after = await terminal.until(/^(?![\s\S]*second)[\s\S]*first/);
    expect(after.split("\n")).toHaveLength(2);
    await terminal.keys("C-c");
    await terminal.until(/first[^\n]*\n\^C\s*host\$/);
  } finally {
    await terminal.close();
  }
});

/** 200 containers by 8 processes at once: each has its own name and address, and `ps` is right all the time. */
import { expect, test } from "vitest";
import type { CliResult } from "../support/cli.ts";
import { remains } from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: ["tsrun/base"] });

const CONTAINERS = 200;
const PROCESSES = 8;
const names = Array.from({ length: CONTAINERS }, (_, index) => `many-${index}`);
/** What each of the processes looks after. */
const shares = Array.from({ length: PROCESSES }, (_, process) =>
  names.filter((_, index) => index % PROCESSES === process),
);

/** Looks at `ps` again and again until `work` is done; `check` gets the names of each look, and those begun before it. */
async function watched(work: Promise<unknown>, check: (names: string[]) => void): Promise<number> {
  let over = false;
  const end = work.finally(() => {
    over = true;
  });
  let looks = 0;
  while (!over) {
    const { code, stdout, stderr } = await host.tsrun("ps", "--format", "{{.Names}} {{.State}}");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const rows = stdout.split("\n").filter(Boolean);
    const listed = rows.map((row) => /^(many-\d+) running$/.exec(row)?.[1] ?? `garbage: ${row}`);
    expect(listed.filter((name) => !names.includes(name))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
    check(listed);
    looks += 1;
  }
  await end;
  return looks;
}

const succeeded = (result: CliResult): void =>
  expect({ ...result, stdout: "" }).toEqual({ code: 0, stdout: "", stderr: "" });

test("200 containers, started, listed and removed", { timeout: 300_000 }, async () => {
  const asked = new Set<string>();
  const started = new Set<string>();
  const starting = Promise.all(
    shares.map(async (share) => {
      for (const name of share) {
        asked.add(name);
        succeeded(await host.tsrun("run", "-d", "--name", name, "tsrun/base", "sleep", "100000"));
        started.add(name);
      }
    }),
  );
  let sure: string[] = [];
  const looks = await watched(starting, (listed) => {
    expect(
      listed.filter((name) => !asked.has(name)),
      "running, and never asked for",
    ).toEqual([]);
    expect(
      sure.filter((name) => !listed.includes(name)),
      "started, and not listed",
    ).toEqual([]);
    sure = [...started]; // before the next look begins
  });
  expect(looks).toBeGreaterThan(3);

  const inspected = await host.output(
    "inspect",
    "-f",
    "{{.Name}} {{.NetworkSettings.IPAddress}} {{.State.Status}} {{.State.Pid}}",
    ...names,
  );
  const rows = inspected.split("\n").map((row) => row.split(" "));
  const column = (index: number): Set<string | undefined> => new Set(rows.map((row) => row[index]));
  expect(column(0)).toEqual(new Set(names.map((name) => `/${name}`)));
  expect(column(1).size).toBe(CONTAINERS);
  for (const address of column(1)) expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  expect(column(2)).toEqual(new Set(["running"]));
  expect(column(3).size).toBe(CONTAINERS);

  const removed = new Set<string>();
  const removing = Promise.all(
    shares.map(async (share) => {
      succeeded(await host.tsrun("rm", "-f", ...share));
      for (const name of share) removed.add(name);
    }),
  );
  let gone: string[] = [];
  await watched(removing, (listed) => {
    expect(
      gone.filter((name) => listed.includes(name)),
      "removed, and listed",
    ).toEqual([]);
    gone = [...removed];
  });
  expect(await host.output("ps", "-a", "-q")).toBe("");
  expect(await remains(host)).toEqual([]);
});

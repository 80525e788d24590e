/** container prune: what does not run goes, what runs stays. */
import { afterEach, expect, test } from "vitest";
import { openTmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun, tsrunWith } = host;
const names = async (): Promise<string[]> =>
  (await output("ps", "-a", "--format", "{{.Names}}")).split("\n").filter(Boolean).sort();
const create = (name: string, ...flags: string[]): Promise<string> =>
  output("create", "--name", name, ...flags, IMAGE, "true");

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

test("removes what was created or is over, and says what that was worth", async () => {
  await output("run", "-d", "--network", "none", "--name", "runs", IMAGE, "sleep", "1000");
  await output("run", "-d", "--network", "none", "--name", "paused", IMAGE, "sleep", "1000");
  await output("pause", "paused");
  const ids = [await create("made")];
  const writes = ["sh", "-c", "dd if=/dev/zero of=/data bs=1000 count=5000 2>/dev/null"];
  ids.push(await output("run", "-d", "--network", "none", "--name", "over", IMAGE, ...writes));
  await output("wait", "over");
  const { code, stdout } = await tsrun("container", "prune", "-f");
  expect(code).toBe(0);
  const lines = stdout.split("\n");
  expect(lines[0]).toBe("Deleted Containers:");
  expect(lines.slice(1, 3).sort()).toEqual(ids.sort());
  expect(lines.slice(3).join("\n")).toMatch(/^\nTotal reclaimed space: 5(\.\d+)?MB\n$/);
  expect(await names()).toEqual(["paused", "runs"]);
  expect(await output("container", "prune", "--force")).toBe("Total reclaimed space: 0B");
});

test("asks first, and takes nothing but a yes for one", async () => {
  const question =
    "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
  await create("made");
  for (const answer of ["", "\n", "n\n", "never\n"]) {
    expect(await tsrunWith({ input: answer }, "container", "prune")).toEqual({
      code: 0,
      stdout: question,
      stderr: "",
    });
  }
  expect(await names()).toEqual(["made"]);
  const { stdout } = await tsrunWith({ input: "y\n" }, "container", "prune");
  expect(stdout).toContain(`${question}Deleted Containers:\n`);
  expect(await names()).toEqual([]);
});

test("asks on a terminal", async () => {
  await create("made");
  const terminal = await openTmux({ directory: host.directory, env: host.env });
  try {
    await terminal.line("tsrun container prune");
    await terminal.until(/\[y\/N\] *$/);
    await terminal.line("y");
    await terminal.until(/Total reclaimed space/);
    await terminal.until(/host\$$/);
  } finally {
    await terminal.close();
  }
  expect(await names()).toEqual([]);
});

test("--filter until= and label=", async () => {
  await create("ci", "-l", "ci=1");
  await create("kept", "-l", "ci=1", "-l", "keep");
  await create("plain");
  await output("container", "prune", "-f", "--filter", "label=ci", "--filter", "label!=keep");
  expect(await names()).toEqual(["kept", "plain"]);
  expect(await output("container", "prune", "-f", "--filter", "until=1h")).toBe("Total reclaimed space: 0B");
  await output("container", "prune", "-f", "--filter", "until=1ms", "--filter", "label=keep");
  expect(await names()).toEqual(["plain"]);
  for (const filter of ["colour=red", "until=soon"]) {
    expect(await tsrun("container", "prune", "-f", "--filter", filter)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`invalid filter '${filter.startsWith("u") ? filter : "colour"}'`),
    });
  }
});

test("leaves what is being started alone", async () => {
  const runs = Array.from({ length: 4 }, (_, index) =>
    tsrun("run", "-d", "--network", "none", "--name", `r${index}`, IMAGE, "sleep", "1000"),
  );
  const prunes = Array.from({ length: 4 }, () => tsrun("container", "prune", "-f"));
  for (const { code, stderr } of await Promise.all([...runs, ...prunes])) expect(code, stderr).toBe(0);
  expect(await names()).toEqual(["r0", "r1", "r2", "r3"]);
  expect((await output("ps", "-q")).split("\n")).toHaveLength(4);
});

/** The store tells the truth: df agrees with du, prune gives back what it says, rmi keeps what is needed. */
import { execFileSync } from "node:child_process";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { gzipLayer } from "../support/tar-layer.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output, tsrun, tsrunWith } = host;
const CREATE = ["create", "--network", "none"];

beforeAll(async () => {
  const base = { path: "www/shared", data: Buffer.alloc(300_000, "shared") };
  const own = (name: string) =>
    busyboxImage([base, { path: `www/${name}`, data: Buffer.alloc(100_000, name) }]);
  for (const name of ["one", "two"])
    await host.registry().pushImage(`library/${name}`, ["latest"], own(name));
  const labels = { config: { Cmd: ["sh"], Labels: { keep: "yes" } } };
  await host.registry().pushImage("library/kept", ["latest"], { ...own("kept"), ...labels });
});

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

/** What du(1) says of a path, in bytes. */
const du = (path: string): number =>
  Number(execFileSync("du", ["-s", "--block-size=1", path], { encoding: "utf8" }).split("\t")[0]);

async function bytesOfRows(): Promise<Record<string, number>> {
  const lines = (await output("system", "df", "--format", "{{.Type}}={{.Bytes}}")).split("\n");
  return Object.fromEntries(
    lines.map((line) => line.split("=")).map(([type, bytes]) => [type, Number(bytes)]),
  );
}

const sumOf = (rows: Record<string, number>): number =>
  Object.values(rows).reduce((sum, each) => sum + each, 0);

const pullAll = (): Promise<string[]> =>
  Promise.all(["one", "two", "kept"].map((name) => output("pull", "-q", name)));

describe("system df", () => {
  test("is du to the block: images, containers with sparse and linked files, and the rest", async () => {
    await pullAll();
    const writes =
      "truncate -s 1g /sparse; dd if=/dev/zero of=/a bs=1000 count=500 2>/dev/null; ln /a /b; ln -s a /c";
    await output("run", "--network", "none", "--name", "writer", "one", "sh", "-c", writes);
    await output(...CREATE, "--name", "idle", "two", "true");
    const rows = await bytesOfRows();
    expect(sumOf(rows)).toBe(du(host.root));
    const images = ["blobs", "layers", "images.json"].map((name) => du(join(host.root, name)));
    expect(rows.Images).toBe(images.reduce((sum, each) => sum + each, 0));
    expect(rows.Containers).toBe(du(join(host.root, "containers")) + du(join(host.root, "names")));
    expect(rows.Containers).toBeGreaterThan(500_000);
    expect(rows.Containers).toBeLessThan(5_000_000);
  });

  test("as docker's table, as JSON lines, and in full", async () => {
    await output(...CREATE, "--name", "idle", "two", "true");
    const [head, ...rows] = (await output("system", "df")).split("\n");
    expect(head).toMatch(/^TYPE\s+TOTAL\s+ACTIVE\s+SIZE\s+RECLAIMABLE$/);
    expect(rows.map((row) => row.split(/\s{2,}/).slice(0, 3))).toEqual([
      ["Images", "3", "1"],
      ["Containers", "1", "0"],
      ["Local Volumes", "0", "0"],
      ["Build Cache", "0", "0"],
      ["Other", expect.any(String), "0"],
    ]);
    const [images] = (await output("system", "df", "--format", "json")).split("\n");
    expect(JSON.parse(images as string)).toMatchObject({
      Type: "Images",
      TotalCount: "3",
      Active: "1",
      Reclaimable: expect.stringMatching(/^\d+(\.\d+)?[kM]?B \(\d+%\)$/),
    });
    const verbose = await output("system", "df", "-v");
    for (const title of [
      "Images space usage:",
      "Containers space usage:",
      "Local Volumes space usage:",
      "Build cache usage: 0B",
    ])
      expect(verbose).toContain(title);
    expect(verbose).toMatch(/^two\s+latest\s+[0-9a-f]{12}\s+.*\s1$/m);
    expect(verbose).toMatch(
      /^REPOSITORY\s+TAG\s+IMAGE ID\s+CREATED\s+SIZE\s+SHARED SIZE\s+UNIQUE SIZE\s+CONTAINERS$/m,
    );
  });

  test("tells what images share, and what they alone have", async () => {
    const { Images } = JSON.parse(await output("system", "df", "-v", "--format", "json"));
    const [one, two] = ["one", "two"].map((name) =>
      Images.find((row: { Repository: string }) => row.Repository === name),
    );
    expect(one.SharedSize).toBe(two.SharedSize);
    expect(Number.parseFloat(one.SharedSize)).toBeGreaterThan(1);
    const unique = await bytesOfRows();
    await output("rmi", "two");
    const after = await bytesOfRows();
    expect((unique.Images as number) - (after.Images as number)).toBeGreaterThan(100_000);
    await output("pull", "-q", "two");
  });
});

describe("image prune", () => {
  const names = async (): Promise<string[]> =>
    (await output("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n").filter(Boolean).sort();

  test("takes what has lost its name, and gives back what it says", async () => {
    await pullAll();
    const old = (await output("images", "-q", "--no-trunc", "two")).trim();
    const changed = busyboxImage([{ path: "www/two", data: Buffer.alloc(50_000, "new") }]);
    await host.registry().pushImage("library/two", ["latest"], changed);
    await output("pull", "-q", "two");
    const before = du(host.root);
    const lines = (await output("image", "prune", "-f")).split("\n");
    expect(lines[0]).toBe("Deleted Images:");
    expect(lines).toContain(`deleted: ${old}`);
    expect(lines.at(-2)).toBe("");
    expect(lines.at(-1)).toMatch(/^Total reclaimed space: \d+(\.\d+)?kB$/);
    const said = Number(/: ([\d.]+)kB/.exec(lines.at(-1) as string)?.[1]) * 1000;
    // The directories and images.json themselves may shrink too, and the journal has grown.
    expect(Math.abs(before - du(host.root) - said)).toBeLessThan(10_000);
    expect(await output("image", "prune", "--force")).toBe("Total reclaimed space: 0B");
    expect(await names()).toEqual(["kept:latest", "one:latest", "two:latest"]);
  });

  test("-a takes all that no container was made of; filters choose", async () => {
    await output(...CREATE, "--name", "user", "one", "true");
    expect(await output("image", "prune", "-af", "--filter", "until=2020-01-01")).toBe(
      "Total reclaimed space: 0B",
    );
    await output("image", "prune", "-af", "--filter", "label!=keep");
    expect(await names()).toEqual(["kept:latest", "one:latest"]);
    await output("image", "prune", "-af", "--filter", "label=keep=no");
    expect(await names()).toEqual(["kept:latest", "one:latest"]);
    expect(await output("image", "prune", "-af", "--filter", "label=keep=yes")).toContain(
      "untagged: kept:latest",
    );
    expect(await names()).toEqual(["one:latest"]);
    expect(await output("start", "-a", "user")).toBe("");
    expect(await tsrun("image", "prune", "-f", "--filter", "colour=red")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("invalid filter 'colour'"),
    });
  });

  test("asks first, in docker's words", async () => {
    const ask = async (...flags: string[]): Promise<string> =>
      (await tsrunWith({ input: "n\n" }, "image", "prune", ...flags)).stdout;
    const end = "\nAre you sure you want to continue? [y/N] ";
    expect(await ask()).toBe(`WARNING! This will remove all dangling images.${end}`);
    expect(await ask("-a")).toBe(
      `WARNING! This will remove all images without at least one container associated to them.${end}`,
    );
  });
});

describe("system prune", () => {
  test("takes containers that are over, then images", async () => {
    await pullAll();
    await output(...CREATE, "--name", "over", "two", "true");
    await output("run", "-d", "--network", "none", "--name", "runs", "one", "sleep", "1000");
    const text = await output("system", "prune", "-a", "-f");
    expect(text).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Images:\nuntagged: /);
    expect(text).toMatch(/\n\nTotal reclaimed space: [\d.]+[kM]B$/);
    expect(await output("ps", "-a", "--format", "{{.Names}}")).toBe("runs");
    expect(await output("images", "--format", "{{.Repository}}")).toBe("one");
    const rows = (await output("system", "df", "--format", "{{.ReclaimableBytes}}")).split("\n");
    expect(rows).toEqual(["0", "0", "0", "0", "0"]);
  });

  test("asks first; --volumes and until do not go together", async () => {
    const { stdout } = await tsrunWith(
      { input: "n\n" },
      "system",
      "prune",
      "-a",
      "--volumes",
      "--filter",
      "label=ci",
    );
    expect(stdout).toBe(
      [
        "WARNING! This will remove:",
        "  - all stopped containers",
        "  - all networks not used by at least one container",
        "  - all anonymous volumes not used by at least one container",
        "  - all images without at least one container associated to them",
        "",
        "  Items to be pruned will be filtered with:",
        "  - label=ci",
        "",
        "Are you sure you want to continue? [y/N] ",
      ].join("\n"),
    );
    expect(await tsrun("system", "prune", "-f", "--volumes", "--filter", "until=1h")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the "until" filter is not supported with "--volumes"'),
    });
  });
});

describe("rmi", () => {
  test("several, by name and short id; what another image needs stays", async () => {
    await pullAll();
    const [one, two] = [await output("images", "-q", "one"), await output("images", "-q", "two")];
    const lines = (await output("rmi", "one", two)).split("\n");
    expect(
      lines.filter((line) => line.startsWith("Untagged: ")).map((line) => line.replace(/@.*/, "@")),
    ).toEqual(["Untagged: one:latest", "Untagged: one@", "Untagged: two:latest", "Untagged: two@"]);
    expect(lines.filter((line) => line.startsWith(`Deleted: sha256:${one}`))).toHaveLength(1);
    expect(
      await output("run", "--rm", "--network", "none", "--pull", "never", "kept", "wc", "-c", "/www/shared"),
    ).toBe("300000 /www/shared");
    expect((await tsrun("rmi", "kept", "nothing")).code).toBe(1);
    expect(await output("images", "-q")).toBe("");
    expect(await output("system", "check")).toContain("Everything is as it should be");
  });

  test("of a stopped and of a running container's image is refused, by id too", async () => {
    await output("pull", "-q", "one");
    const id = await output("images", "-q", "one");
    const stopped = (await output(...CREATE, "one", "true")).slice(0, 12);
    expect((await tsrun("rmi", id)).stderr).toContain(
      `conflict: unable to delete ${id} (must be forced) - image is being used by stopped container ${stopped}`,
    );
    expect((await tsrun("rmi", "one")).stderr).toContain(
      `conflict: unable to remove repository reference "one" (must force) - container ${stopped} is using its referenced image ${id}`,
    );
    await output("rm", stopped);
    const running = (await output("run", "-d", "--network", "none", "one", "sleep", "1000")).slice(0, 12);
    expect((await tsrun("rmi", "-f", id)).stderr).toContain(
      `conflict: unable to delete ${id} (cannot be forced) - image is being used by running container ${running}`,
    );
    expect((await tsrun("rmi", "--no-prune", "-f", "one")).stdout).toContain("Untagged: one:latest");
    await output("rm", "-f", running);
    await output("rmi", "-f", id);
  });
});

describe("info", () => {
  test("counts, and names what there is", async () => {
    await output("run", "-d", "--network", "none", "--name", "runs", "one", "sleep", "1000");
    await output("run", "-d", "--network", "none", "--name", "paused", "one", "sleep", "1000");
    await output("pause", "paused");
    await output(...CREATE, "one", "true");
    const text = await output("info");
    expect(text).toMatch(
      /\n Containers: 3\n {2}Running: 1\n {2}Paused: 1\n {2}Stopped: 1\n Images: 1\n Server Version: /,
    );
    expect(text).toContain(`\n Docker Root Dir: ${host.root}\n`);
    expect(text).toContain(
      `\n Registry Mirrors:\n  ${host.registry().url}/\n Insecure Registries:\n  127.0.0.0/8\n`,
    );
    const format = "{{.Driver}} {{.LoggingDriver}} {{.Name}} {{.OSType}} {{.CgroupDriver}}";
    expect(await output("system", "info", "-f", format)).toBe(
      `overlay json-file ${hostname()} linux cgroupfs`,
    );
    expect(JSON.parse(await output("info", "--format", "json"))).toMatchObject({
      Containers: 3,
      ContainersRunning: 1,
      NCPU: expect.any(Number),
      MemTotal: expect.any(Number),
      CgroupVersion: expect.stringMatching(/^[12]$/),
      OperatingSystem: expect.any(String),
    });
  });
});

test("a layer with the same content in another image is kept when one goes", async () => {
  const layers = [gzipLayer([{ path: "only", data: "x" }])];
  await host.registry().pushImage("library/single", ["latest"], { layers, config: { Cmd: ["a"] } });
  await host.registry().pushImage("library/twin", ["latest"], { layers, config: { Cmd: ["b"] } });
  await output("pull", "-q", "single");
  await output("pull", "-q", "twin");
  await output("rmi", "single");
  expect((await tsrun("system", "check")).code).toBe(0);
  await output("rmi", "twin");
});

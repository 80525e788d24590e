import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { APPS, NAMES, pullApps, pushApps, removeImages } from "./support/apps.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, tsrun, shell } = host;
const file = (name: string): string => join(host.directory, name);
const idOf = (image: string): Promise<string> => output("image", "inspect", "-f", "{{.Id}}", image);
const run = (image: string): Promise<string> => output("run", "--rm", "--network", "none", image);

const removeAll = () => removeImages(host);
const pulled = () => pullApps(host);
beforeAll(() => pushApps(host));

describe("save and load", () => {
  afterEach(removeAll);

  test("there and back the images are the same, by file, pipe and compressed pipe", async () => {
    const ids = await pulled();
    expect(await output("save", "-o", file("two.tar"), "my/app")).toBe("");
    expect(statSync(file("two.tar")).mode & 0o777).toBe(0o600);
    await removeAll();
    const loaded = "Loaded image: my/app:1\nLoaded image: my/app:2\n";
    const ways = [
      `tsrun load -i ${file("two.tar")}`,
      `tsrun image load < ${file("two.tar")}`,
      `gzip -c ${file("two.tar")} | tsrun load -q`,
      `zstd -qc ${file("two.tar")} | tsrun load --quiet`,
    ];
    for (const way of ways) {
      expect(await shell(way)).toEqual({ code: 0, stdout: loaded, stderr: "" });
      expect(await shell(`tsrun save my/app | cmp - ${file("two.tar")}`)).toMatchObject({
        code: 0,
        stdout: "",
      });
      if (way === ways.at(-1)) break;
      await removeAll();
    }
    for (const name of NAMES) {
      expect(await idOf(name)).toBe(ids[name]);
      expect(await run(name)).toBe(APPS[name]);
    }
  });

  test.each([
    ["before anybody writes to it", "load", "-i", ""],
    ["in the middle", "load", "-i", "begun"],
    ["of an import", "import", "", ""],
  ])("a FIFO is left by Ctrl-C: %s", async (_, command, flag, begun) => {
    const fifo = file(`fifo-${command}${begun}`);
    await shell(`mkfifo ${fifo}`);
    const loading = host.start({}, command, ...(flag === "" ? [] : [flag]), fifo);
    const writer = begun === "" ? undefined : openSync(fifo, constants.O_RDWR);
    if (writer !== undefined) writeSync(writer, Buffer.alloc(1000));
    const reads = () =>
      shell(`ls -l /proc/${loading.child.pid}/fd`).then(({ stdout }) => stdout.includes(fifo));
    while (!(await reads())) await sleep(5);
    loading.child.kill("SIGINT");
    expect(await loading.result).toMatchObject({ code: 130 });
    if (writer !== undefined) closeSync(writer);
  });

  test("tells what it did, and records it", async () => {
    const ids = await pulled();
    await output("save", "-o", file("one.tar"), ids["my/app:1"] as string);
    await removeAll();
    expect(await output("load", "-i", file("one.tar"))).toBe(`Loaded image ID: ${ids["my/app:1"]}`);
    await output("pull", "-q", "my/app:2");
    await output("save", "-o", file("two.tar"), "my/app:2");
    await removeAll();
    await output("load", "-i", file("two.tar"));
    const other = await shell(
      `mkdir other; tar -C other -xf ${file("one.tar")}; cd other;
       sed -i 's/"RepoTags":null/"RepoTags":["my\\/app:2"]/' manifest.json; rm index.json; tar -c . | tsrun load`,
    );
    expect(other.stdout).toBe(
      `The image my/app:2 already exists, renaming the old one with ID ${ids["my/app:2"]} to empty string\n` +
        "Loaded image: my/app:2\n",
    );
    const events = await output(
      ...[
        "events",
        "--since",
        "1m",
        "--until",
        "0s",
        "--filter",
        "type=image",
        "--format",
        "{{.Action}} {{.Actor.ID}}",
      ],
    );
    for (const action of ["save", "load"])
      for (const id of Object.values(ids)) expect(events.split("\n")).toContain(`${action} ${id}`);
  });

  test("refuses a terminal, what is not there, and leaves no half of a file", async () => {
    await pulled();
    const terminal = await shell('script -qec "tsrun save my/app:1" /dev/null < /dev/null');
    expect(terminal.stdout).toContain("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    expect((await shell('script -qec "tsrun load" /dev/null')).stdout).toContain(
      "requested load from stdin, but stdin is empty",
    );
    expect(await tsrun("save", "-o", file("no.tar"), "my/app:1", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such image: nobody"),
    });
    expect(await tsrun("save", "--platform", "linux/s390x", "-o", file("no.tar"), "my/app:1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("does not match the specified platform (linux/s390x)"),
    });
    expect(readdirSync(host.directory)).not.toContain("no.tar");
    expect(await tsrun("load", "-i", file("nowhere.tar"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nowhere.tar: no such file or directory"),
    });
    writeFileSync(file("junk"), "junk\n".repeat(1000));
    expect((await tsrun("load", "-i", file("junk"))).stderr).toContain(
      "the image archive is not valid: not a tar archive",
    );
    await output("save", "-o", file("whole.tar"), "my/app:1");
    await removeAll();
    const half = readFileSync(file("whole.tar"));
    writeFileSync(file("half.tar"), half.subarray(0, half.length >> 1));
    expect(await tsrun("load", "-i", file("half.tar"))).toMatchObject({ code: 1, stdout: "" });
    expect(await output("images", "-q")).toBe("");
  });

  test("the index of several platforms becomes the platform that is here", async () => {
    await output("pull", "-q", "--platform", "linux/arm64", "alpine");
    const id = await idOf("alpine");
    await output("save", "-o", file("arm.tar"), "--platform", "linux/arm64", "alpine");
    await removeAll();
    expect(await output("load", "-i", file("arm.tar"))).toBe("Loaded image: alpine:latest");
    expect(await idOf("alpine")).toBe(id);
    expect((await tsrun("load", "--platform", "linux/s390x", "-i", file("arm.tar"))).code).toBe(1);
  });
});

describe("history", () => {
  test("docker's columns", async () => {
    await output("pull", "-q", "busybox");
    await output("run", "--name", "box", "--network", "none", "busybox", "touch", "/x");
    const id = await output("commit", "-m", "a comment", "-c", "LABEL a=b", "box", "made:1");
    await output("rm", "box");
    const lines = (await output("history", "made:1")).split("\n");
    expect(lines[0]).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
    expect(lines[1]).toMatch(new RegExp(`^${id.slice(7, 19)} .* ago +touch /x +0B +a comment$`));
    expect(lines[2]).toMatch(/^<missing> +.* ago|^<missing> +N\/A +layer 0/);
    expect(await output("image", "history", "-q", "--no-trunc", "made:1")).toBe(`${id}\n<missing>`);
    expect(await output("history", "--format", "{{.CreatedBy}}|{{.Comment}}", "made:1")).toBe(
      "touch /x|a comment\nlayer 0|",
    );
    expect((await output("history", "-H=false", "made:1")).split("\n")[1]).toMatch(
      / \d{4}-\d\d-\d\dT\S+Z +touch/,
    );
    const [row] = (await output("history", "--format", "json", "made:1")).split("\n");
    expect(Object.keys(JSON.parse(row as string))).toEqual([
      "Comment",
      "CreatedAt",
      "CreatedBy",
      "CreatedSince",
      "ID",
      "Size",
    ]);
    expect(await tsrun("history", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such image: nobody"),
    });
  });
});

describe("images and image inspect", () => {
  test("a reference filter shows the names that it asks for, and no others", async () => {
    await pulled();
    await shell(`tsrun save my/app:1 > one.tar; mkdir names; tar -C names -xf one.tar; rm names/index.json
      sed -i 's/"RepoTags":\\[[^]]*\\]/"RepoTags":["my\\/app:1","other:latest"]/' names/manifest.json
      tar -C names -c . | tsrun load`);
    const list = (...args: string[]) => output("images", "--format", "{{.Repository}}:{{.Tag}}", ...args);
    expect((await list()).split("\n").sort()).toEqual(["my/app:1", "my/app:2", "other:latest"]);
    expect(await list("-f", "reference=other")).toBe("other:latest");
    expect((await list("-f", "reference=my/*", "-f", "reference=nobody")).split("\n").sort()).toEqual(NAMES);
    // An id for each name, as scripts expect that count lines.
    expect((await output("images", "-q", "--no-trunc")).split("\n").sort()).toEqual(
      (await Promise.all(["my/app:1", "my/app:1", "my/app:2"].map(idOf))).sort(),
    );
  });

  test("inspect has docker's fields", async () => {
    await pulled();
    const [image] = JSON.parse(await output("image", "inspect", "my/app:2"));
    expect(Object.keys(image)).toEqual(
      [
        "Id",
        "RepoTags",
        "RepoDigests",
        "Parent",
        "Comment",
        "Created",
        "DockerVersion",
        "Author",
        "Config",
      ].concat(["Architecture", "Os", "Size", "GraphDriver", "RootFS", "Metadata"]),
    );
    const { LowerDir, UpperDir } = image.GraphDriver.Data;
    expect(readFileSync(join(UpperDir, "texts", "second"), "utf8")).toBe("second\n");
    expect(LowerDir.split(":").length).toBe(image.RootFS.Layers.length - 1);
    expect(readFileSync(join(LowerDir.split(":")[0], "texts", "first"), "utf8")).toBe("first\n");
    expect(image.RepoDigests).toEqual([expect.stringMatching(/^my\/app@sha256:/)]);
  });
});

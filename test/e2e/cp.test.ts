import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun, tsrunWith, shell } = host;

/** A directory of the test's own, where commands start. */
let here: string;
beforeEach(({ task }) => {
  here = join(host.directory, `cp-${task.id}`);
  mkdirSync(join(here, "dir/sub"), { recursive: true });
  writeFileSync(join(here, "file"), "a file\n");
  writeFileSync(join(here, "dir/sub/deep"), "deep\n");
});
afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

const cp = (...args: string[]) => tsrunWith({ cwd: here }, "cp", ...args);
const fine = async (...args: string[]): Promise<void> => {
  expect(await cp(...args)).toEqual({ code: 0, stdout: "", stderr: "" });
};
const read = (path: string): string => readFileSync(join(here, path), "utf8");

async function stopped(name: string, script = "true"): Promise<void> {
  await output("run", "--name", name, "--network", "none", "busybox", "sh", "-c", script);
}
const running = (name: string): Promise<string> =>
  output("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000");
/** All paths below one of the container, with their contents. */
async function listing(name: string, path: string): Promise<string[]> {
  const { stdout, code } = await shell(`tsrun cp ${name}:${path} - | tar -t`);
  return code === 0 ? stdout.trim().split("\n").sort() : [];
}

describe.each(["stopped", "running"])("of a %s container", (state) => {
  beforeEach(async () => {
    if (state === "running") await running("box");
    else await stopped("box");
  });

  test("a file goes in and comes out", async () => {
    await fine("file", "box:/tmp");
    await fine("file", "box:/tmp/renamed");
    await fine("file", "box:tmp/relative");
    expect(await listing("box", "/tmp")).toEqual(["tmp/", "tmp/file", "tmp/relative", "tmp/renamed"]);
    await fine("box:/tmp/file", "back");
    await fine("box:/tmp/renamed", ".");
    await fine("box:/tmp/file", "dir/sub/deep"); // replaces a file
    expect([read("back"), read("renamed"), read("dir/sub/deep")]).toEqual([
      "a file\n",
      "a file\n",
      "a file\n",
    ]);
  });

  test("a directory goes where cp(1) puts it, and its contents with /.", async () => {
    await fine("dir", "box:/tmp"); // into one that is there
    await fine("dir", "box:/tmp/new"); // made by that name
    await fine("dir", "box:/tmp/new"); // which is there now
    await fine("dir/.", "box:/tmp/contents/");
    await fine("dir/", "box:/tmp/new/slash");
    expect(await listing("box", "/tmp/.")).toEqual(
      [
        "./",
        ...["./contents/", "./contents/sub/", "./contents/sub/deep"],
        ...["./dir/", "./dir/sub/", "./dir/sub/deep"],
        ...["./new/", "./new/dir/", "./new/dir/sub/", "./new/dir/sub/deep"],
        ...["./new/slash/", "./new/slash/sub/", "./new/slash/sub/deep", "./new/sub/", "./new/sub/deep"],
      ].sort(),
    );
    await fine("box:/tmp/new", "out");
    await fine("box:/tmp/new", "out");
    await fine("box:/tmp/contents/.", "inside");
    expect(readdirSync(join(here, "out")).sort()).toEqual(["dir", "new", "slash", "sub"]);
    expect(readdirSync(join(here, "inside"))).toEqual(["sub"]);
    expect(read("out/new/dir/sub/deep")).toBe("deep\n");
  });

  test("links are copied as links, but with -L and at the end of a destination", async () => {
    symlinkSync("dir", join(here, "link"));
    symlinkSync("file", join(here, "alias"));
    await fine("link", "box:/tmp/link");
    await fine("link/", "box:/tmp/followed");
    await fine("-L", "alias", "box:/tmp/");
    await fine("file", "box:/tmp/link"); // dangling there: the file that it names is made
    expect(
      await shell("tsrun cp box:/tmp - | tar -tv | awk '{print $1, $6, $7, $8}' | sort -k2"),
    ).toMatchObject({
      stdout: [
        "drwxrwxrwt tmp/  ",
        "-rw-r--r-- tmp/alias  ",
        "-rw-r--r-- tmp/dir  ",
        "drwxr-xr-x tmp/followed/  ",
        "drwxr-xr-x tmp/followed/sub/  ",
        "-rw-r--r-- tmp/followed/sub/deep  ",
        "lrwxrwxrwx tmp/link -> dir",
        "",
      ].join("\n"),
    });
    await fine("box:/tmp/link", "came");
    expect(readlinkSync(join(here, "came"))).toBe("dir");
    await fine("-L", "box:/tmp/link", "came-followed");
    expect(read("came-followed")).toBe("a file\n");
  });

  test("owners are root's, and the user's outside; with -a they stay", async () => {
    chownSync(join(here, "file"), 1234, 4321);
    await fine("file", "box:/tmp/plain");
    await fine("-a", "file", "box:/tmp/kept");
    const { stdout } = await shell("tsrun cp box:/tmp - | tar --numeric-owner -tv | awk '{print $2, $6}'");
    expect(stdout).toBe("0/0 tmp/\n1234/4321 tmp/kept\n0/0 tmp/plain\n");
    await fine("box:/tmp/kept", "plain");
    await fine("-a", "box:/tmp/kept", "kept");
    const owner = (name: string): number[] => [
      statSync(join(here, name)).uid,
      statSync(join(here, name)).gid,
    ];
    expect([owner("plain"), owner("kept")]).toEqual([
      [process.getuid?.(), process.getgid?.()],
      [1234, 4321],
    ]);
  });

  test("- is a tar archive on either side", async () => {
    expect(await shell("tar -cz file dir | tsrun cp - box:/tmp", { cwd: here })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect(await listing("box", "/tmp")).toEqual([
      "tmp/",
      "tmp/dir/",
      "tmp/dir/sub/",
      "tmp/dir/sub/deep",
      "tmp/file",
    ]);
    const piped = await shell("tsrun cp box:/tmp/dir - | tar -xO dir/sub/deep");
    expect(piped).toEqual({ code: 0, stdout: "deep\n", stderr: "" });
  });

  test("what cannot be is said", async () => {
    const refused = async (args: string[], message: string): Promise<void> => {
      const { code, stderr, stdout } = await cp(...args);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(message);
    };
    await refused(["box:/nope", "."], "Could not find the file /nope in container box");
    await refused(["file", "box:/nope/file"], "Could not find the file /nope in container box");
    await refused(["file", "box:/tmp/new/"], "no such directory");
    await refused(["box:/etc/passwd", "new/"], "no such directory");
    await refused(["box:/etc/passwd/", "."], "not a directory");
    await refused(["box:/etc/passwd", "nope/x"], 'nope" does not exist');
    await refused(["dir", "box:/etc/passwd"], "cannot copy directory");
    await refused(["box:/etc", "file"], "cannot copy directory");
    await refused(["nope", "box:/tmp"], "lstat nope: no such file or directory");
    await refused(["file", "nobox:/tmp"], "No such container: nobox");
    await refused(["box:/etc", "box:/tmp"], "copying between containers is not supported");
    await refused(["file", "dir"], "must specify at least one container source");
    await refused(["", "box:/tmp"], "source can not be empty");
    await refused(["file", ""], "destination can not be empty");
    await refused(["file", "box:"], "names no path in the container");
    expect(await shell("tsrun cp - box:/etc/passwd < file", { cwd: here })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('destination "box:/etc/passwd" must be a directory'),
    });
    expect(await shell("seq 1 500 | tsrun cp - box:/tmp", { cwd: here })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("not a tar archive"),
    });
    expect((await listing("box", "/tmp")).length).toBe(1);
  });
});

test("a name with a colon is of this host where it begins with a dot or a slash", async () => {
  await stopped("box");
  writeFileSync(join(here, "a:b"), "colon\n");
  await fine("./a:b", "box:/tmp");
  await fine(join(here, "a:b"), "box:/tmp/other");
  await fine("box:/tmp/a:b", "./c:d");
  expect(read("c:d")).toBe("colon\n");
  expect((await cp("a:b", "box:/tmp")).stderr).toContain("copying between containers");
});

test("a bind mount takes what is copied to it, also before the container runs", async () => {
  mkdirSync(join(here, "volume"));
  const volume = `${join(here, "volume")}:/www`;
  await output("create", "--name", "box", "--network", "none", "-v", volume, "busybox", "true");
  await fine("file", "box:/www/");
  expect(read("volume/file")).toBe("a file\n");
  await fine("box:/www/.", "copy");
  expect(read("copy/file")).toBe("a file\n");
});

test("/etc/hosts of a running container is written into, files of /proc are read", async () => {
  await running("box");
  await fine("file", "box:/etc/hosts");
  expect(await output("exec", "box", "cat", "/etc/hosts")).toBe("a file");
  await fine("box:/proc/version", "version");
  expect(read("version")).toMatch(/^Linux version/);
  expect((await cp("box:/proc", "proc")).stderr).toContain("kernel's view");
  await fine("box:/", "root");
  expect(readdirSync(join(here, "root/proc"))).toEqual([]);
  expect(readdirSync(join(here, "root/dev"))).toEqual([]);
});

test("at a terminal it tells how much it was, without -q", async () => {
  await stopped("box");
  const at = (...args: string[]) =>
    shell(`script -qec "tsrun cp ${args.join(" ")}" /dev/null < /dev/null`, { cwd: here });
  const { stdout } = await at("file", "box:/tmp/");
  expect(stdout).toMatch(/Successfully copied \d\.\d+kB to box:\/tmp\/\r\n/);
  expect((await at("-q", "file", "box:/tmp/")).stdout).toBe("");
});

test("a reader that goes away ends it as docker's client ends", async () => {
  await stopped("box", "dd if=/dev/zero of=/big bs=1M count=20 2>/dev/null");
  const { stdout } = await shell("tsrun cp box:/big - | head -c 10 > /dev/null; echo $PIPESTATUS");
  expect(stdout.trim()).toBe("141");
});

test("the help shows both directions and examples", async () => {
  const help = await output("cp", "--help");
  expect(help).toContain("CONTAINER:SRC_PATH DEST_PATH|-");
  expect(help).toContain("SRC_PATH|- CONTAINER:DEST_PATH");
  expect(await output("container", "cp", "--help")).toContain("--follow-link");
  expect((await tsrun("cp", "one")).stderr).toContain("requires 2 arguments");
});

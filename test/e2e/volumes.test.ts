/** Volumes as users meet them: the commands, `-v` and `--mount`, docker's words and exit codes. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";
import { fingerprint, richLayer } from "./support/rich-tree.ts";

const host = useHost();
const { output, tsrun } = host;

beforeAll(async () => {
  const { layers, config } = busyboxImage([
    { path: "srv/" },
    { path: "srv/declared/" },
    { path: "srv/declared/file", data: "of the image\n" },
  ]);
  await host.registry().pushImage("library/declares", ["latest"], {
    ...busyboxImage(),
    layers,
    config: { ...config, Volumes: { "/srv/declared": {}, "/srv/new": {} } },
  });
  await output("pull", "-q", "declares");
});

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-fv", ...ids);
  const names = (await output("volume", "ls", "-q")).split("\n").filter(Boolean);
  if (names.length > 0) await output("volume", "rm", ...names);
});

const data = (name: string): string => join(host.root, "volumes", name, "_data");
const volumes = async (...args: string[]): Promise<string[]> =>
  (await output("volume", "ls", "-q", ...args)).split("\n").filter(Boolean);
const busybox = (...args: string[]) => tsrun("run", "--rm", "--network", "none", ...args);
const inspect = async (name: string, field: string): Promise<unknown> =>
  JSON.parse(await output("inspect", "-f", `{{json .${field}}}`, name));

describe("the commands", () => {
  test("a volume is made, listed, looked at and removed", async () => {
    expect(await output("volume", "create", "--label", "tier=db", "data")).toBe("data");
    expect(await output("volume", "create", "data")).toBe("data"); // as good as new
    expect(await output("volume", "ls")).toBe("DRIVER    VOLUME NAME\nlocal     data");
    expect(JSON.parse(await output("volume", "inspect", "data"))).toEqual([
      {
        CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        Driver: "local",
        Labels: { tier: "db" },
        Mountpoint: data("data"),
        Name: "data",
        Options: null,
        Scope: "local",
      },
    ]);
    expect(statSync(data("data")).mode & 0o777).toBe(0o755);
    expect(await output("volume", "ls", "--format", "json")).toBe(
      `{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"tier=db","Links":"N/A","Mountpoint":"${data("data")}","Name":"data","Scope":"local","Size":"N/A","Status":"N/A"}`,
    );
    expect(await output("volume", "rm", "data")).toBe("data");
    expect(await volumes()).toEqual([]);
  });

  test("one without a name gets a random one, and is marked", async () => {
    const name = await output("volume", "create");
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    const labels = await output("volume", "inspect", "-f", "{{json .Labels}}", name);
    expect(labels).toBe('{"com.docker.volume.anonymous":""}');
    expect(await output("volume", "create", "--name", "old-way")).toBe("old-way");
  });

  test("what docker refuses is refused in its words", async () => {
    await output("volume", "create", "data");
    for (const [args, message] of [
      [["volume", "inspect", "nothing"], "get nothing: no such volume"],
      [["volume", "rm", "nothing"], "get nothing: no such volume"],
      [["volume", "create", "x"], "create x: volume name is too short"],
      [["volume", "create", "a/b"], 'create a/b: "a/b" includes invalid characters for a local volume name'],
      [["volume", "create", "-o", "foo=1", "bad"], 'create bad: invalid option: "foo"'],
      [["volume", "create", "-o", "type=nfs", "bad"], 'create bad: missing required option: "device"'],
      [["volume", "create", "-d", "nobody", "bad"], 'plugin "nobody" not found'],
      [["volume", "create", "--name", "one", "two"], "conflicting options"],
      [["volume", "ls", "--filter", "foo=1"], "invalid filter 'foo'"],
    ] as const) {
      const { code, stderr } = await tsrun(...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    }
    expect(await output("volume", "rm", "-f", "nothing")).toBe("nothing");
    expect(await volumes()).toEqual(["data"]);
  });

  test("filters", async () => {
    await output("volume", "create", "--label", "a=1", "one");
    await output("volume", "create", "--label", "a=2", "two");
    await output("create", "--name", "box", "-v", "two:/d", "busybox");
    expect(await volumes("--filter", "dangling=true")).toEqual(["one"]);
    expect(await volumes("--filter", "dangling=0")).toEqual(["two"]);
    expect(await volumes("--filter", "label=a")).toEqual(["one", "two"]);
    expect(await volumes("--filter", "label=a=2")).toEqual(["two"]);
    expect(await volumes("--filter", "name=wo")).toEqual(["two"]);
    expect(await volumes("--filter", "driver=other")).toEqual([]);
    expect(await output("ps", "-aq", "--filter", "volume=two")).toHaveLength(12);
    expect(await output("ps", "-aq", "--filter", "volume=one")).toBe("");
    expect(await output("ps", "-a", "--format", "{{.Mounts}} {{.LocalVolumes}}")).toBe("two 1");
  });

  test("one in use is not removed, whether its container runs or not", async () => {
    const id = await output("create", "--name", "box", "-v", "data:/d", "busybox", "sleep", "100");
    const refused = {
      code: 1,
      stdout: "",
      stderr: expect.stringContaining(`remove data: volume is in use - [${id}]`),
    };
    expect(await tsrun("volume", "rm", "data")).toEqual(refused);
    expect(await tsrun("volume", "rm", "-f", "data")).toEqual(refused);
    await output("start", "box");
    expect(await tsrun("volume", "rm", "data")).toEqual(refused);
    expect(await output("volume", "prune", "-af")).toBe("Total reclaimed space: 0B");
    await output("rm", "-f", "box");
    expect(await output("volume", "rm", "data")).toBe("data");
  });

  test("prune takes what has no name, and all with -a", async () => {
    await output("volume", "create", "--label", "keep", "kept");
    await output("volume", "create", "named");
    const anonymous = await output("volume", "create");
    writeFileSync(join(data(anonymous), "file"), "x".repeat(1000));
    expect(await output("volume", "prune", "-f")).toBe(
      `Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: 1kB`,
    );
    expect(await output("volume", "prune", "-f", "--filter", "all=1", "--filter", "label!=keep")).toContain(
      "named",
    );
    expect(await volumes()).toEqual(["kept"]);
    const declined = await host.tsrunWith({ input: "n\n" }, "volume", "prune", "-a");
    expect(declined.stdout).toContain(
      "WARNING! This will remove all local volumes not used by at least one container.",
    );
    expect(await volumes()).toEqual(["kept"]);
  });

  test("events tell of it", async () => {
    await output("volume", "create", "told");
    const id = await output(
      "run",
      "--name",
      "box",
      "--network",
      "none",
      "-d",
      "-v",
      "told:/d:ro",
      "busybox",
      "true",
    );
    await output("wait", "box");
    await output("rm", "box");
    await output("volume", "rm", "told");
    const lines = (
      await output("events", "--since", "1h", "--until", "0s", "--filter", "volume=told", "--format", "json")
    )
      .split("\n")
      .map((line) => JSON.parse(line))
      .map(({ Action, Actor }) => [Action, Actor.Attributes]);
    expect(lines).toEqual([
      ["create", { driver: "local" }],
      [
        "mount",
        { container: id, destination: "/d", driver: "local", propagation: "", "read/write": "false" },
      ],
      ["unmount", { container: id, driver: "local" }],
      ["destroy", { driver: "local" }],
    ]);
  });
});

describe("in containers", () => {
  test("what one writes the next one reads, and ro is read-only", async () => {
    await busybox("-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/file");
    expect(await busybox("-v", "data:/d:ro", "busybox", "sh", "-c", "cat /d/file; echo x > /d/x")).toEqual({
      code: 1,
      stdout: "kept\n",
      stderr: expect.stringContaining("Read-only file system"),
    });
    expect(await volumes()).toEqual(["data"]); // a named one outlives --rm
  });

  test("inspect shows them as docker does", async () => {
    await output(
      ...["create", "--name", "box", "-v", "data:/d", "-v", "logs:/l:ro,nocopy", "-v", "/none"],
      ...["--mount", "src=more,dst=/m,volume-label=a=b", "busybox"],
    );
    const named = { Type: "volume", Driver: "local", Mode: "z", RW: true, Propagation: "" };
    expect(await inspect("box", "Mounts")).toEqual([
      { ...named, Name: "data", Source: data("data"), Destination: "/d" },
      { ...named, Name: "logs", Source: data("logs"), Destination: "/l", Mode: "ro,nocopy", RW: false },
      {
        ...named,
        Name: expect.stringMatching(/^[0-9a-f]{64}$/),
        Source: expect.any(String),
        Destination: "/none",
        Mode: "",
      },
      { ...named, Name: "more", Source: data("more"), Destination: "/m" },
    ]);
    expect(await inspect("box", "HostConfig.Binds")).toEqual(["data:/d", "logs:/l:ro,nocopy"]);
    expect(await inspect("box", "HostConfig.Mounts")).toEqual([
      { Type: "volume", Source: "more", Target: "/m", VolumeOptions: { Labels: { a: "b" } } },
    ]);
    expect(await inspect("box", "Config.Volumes")).toEqual({ "/none": {} });
  });

  test("those without a name go with --rm and rm -v, and stay with rm", async () => {
    await busybox("-v", "/none", "-v", "data:/d", "busybox", "true");
    expect(await volumes()).toEqual(["data"]);
    await output("create", "--name", "one", "-v", "/none", "busybox");
    await output("rm", "-v", "one");
    expect(await volumes()).toEqual(["data"]);
    await output("create", "--name", "two", "-v", "/none", "busybox");
    await output("rm", "two");
    expect(await volumes("--filter", "dangling=true")).toHaveLength(2);
  });

  test("what an image declares is a volume, unless something else is mounted there", async () => {
    const { stdout } = await busybox(
      "declares",
      "sh",
      "-c",
      "cat /srv/declared/file; mount | grep -c ' /srv/'",
    );
    expect(stdout).toBe("of the image\n2\n");
    expect(await volumes()).toEqual([]);
    await output("create", "--name", "box", "-v", "data:/srv/declared", "--tmpfs", "/srv/new", "declares");
    expect(await volumes()).toEqual(["data"]);
    expect(readFileSync(join(data("data"), "file"), "utf8")).toBe("of the image\n");
  });

  test("--volumes-from takes the mounts of others, read-only if asked", async () => {
    const directory = join(host.directory, "shared");
    mkdirSync(directory, { recursive: true });
    await output(
      "create",
      "--name",
      "box",
      "-v",
      "data:/d",
      "-v",
      "/none",
      "-v",
      `${directory}:/b`,
      "busybox",
    );
    const script = "echo x > /d/x; echo y > /none/y; echo z > /b/z";
    expect((await busybox("--volumes-from", "box", "busybox", "sh", "-c", script)).code).toBe(0);
    expect(readdirSync(directory)).toEqual(["z"]);
    const { stdout } = await busybox(
      ...["--volumes-from", "box:ro", "-v", "other:/b", "busybox", "sh", "-c"],
      "ls /d /none /b; touch /d/no /none/no || touch /b/yes",
    );
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["x", "y"]));
    expect(stdout).not.toContain("z"); // its own mount goes first
    expect(readdirSync(data("other"))).toEqual(["yes"]);
    expect(await tsrun("create", "--volumes-from", "nobody", "busybox")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: nobody"),
    });
    expect((await volumes()).length).toBe(3); // box still has the one without a name
  });

  test("a subpath is a part of the volume and never more", async () => {
    await busybox(
      ...["-v", "data:/d", "busybox", "sh", "-c"],
      "mkdir -p /d/a/b; echo in > /d/a/b/f; ln -s a /d/in; ln -s /etc /d/out; ln -s ../../../.. /d/up",
    );
    const part = (path: string, ...command: string[]) =>
      busybox("--mount", `src=data,dst=/x,volume-subpath=${path}`, "busybox", ...command);
    expect((await part("a/b", "ls", "/x")).stdout).toBe("f\n");
    expect((await part("in/b", "ls", "/x")).stdout).toBe("f\n");
    expect((await part("a/b/f", "cat", "/x")).stdout).toBe("in\n");
    for (const [path, message] of [
      ["out", "a link in it leads out"],
      ["up", "a link in it leads out"],
      ["nothing", "no such file or directory"],
      ["../x", "subpath must be a relative path"],
    ] as const) {
      expect(await part(path, "true")).toMatchObject({ code: 125, stderr: expect.stringContaining(message) });
    }
  });

  test("an image is mounted read-only", async () => {
    const mount = "type=image,src=declares,dst=/i";
    const { stdout, stderr } = await busybox(
      "--mount",
      mount,
      "busybox",
      "sh",
      "-c",
      "cat /i/srv/declared/file; touch /i/x",
    );
    expect([stdout, stderr]).toEqual(["of the image\n", expect.stringContaining("Read-only file system")]);
    const file = await busybox("--mount", `${mount},image-subpath=srv/declared/file`, "busybox", "cat", "/i");
    expect(file.stdout).toBe("of the image\n");
    await output("create", "--name", "box", "--mount", mount, "busybox");
    expect(await tsrun("rmi", "declares")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is using its"),
    });
    expect(await busybox("--mount", "type=image,src=nowhere,dst=/i", "busybox", "true")).toMatchObject({
      code: 125,
    });
  });

  test("U: the container's user owns the files, and nothing on disk changes hands", async () => {
    await busybox("-v", "data:/d", "busybox", "sh", "-c", "echo x > /d/f; chown -R 1234:4321 /d");
    const { stdout } = await busybox(
      ...["-u", "app", "-v", "data:/d:U", "busybox", "sh", "-c", "stat -c %u:%g /d /d/f; echo y > /d/new"],
    );
    expect(stdout).toBe("1000:1000\n1000:1000\n");
    const owner = (name: string) => [
      statSync(join(data("data"), name)).uid,
      statSync(join(data("data"), name)).gid,
    ];
    expect([owner("f"), owner("new")]).toEqual([
      [1234, 4321],
      [1234, 4321],
    ]);
    const bind = join(host.directory, "owned");
    mkdirSync(bind, { recursive: true });
    expect((await busybox("-u", "app", "-v", `${bind}:/d:U`, "busybox", "touch", "/d/mine")).code).toBe(0);
    expect(statSync(join(bind, "mine")).uid).toBe(0);
    // proc has no owners to map.
    expect(await busybox("-u", "app", "-v", "/proc/tty:/d:U", "busybox", "true")).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(
        /mapping the owners of the mount for \/d: EINVAL[\s\S]*no idmapped mounts/,
      ),
    });
  });

  test("a read-only bind keeps its submounts writable if asked", async () => {
    const directory = join(host.directory, "outer");
    mkdirSync(join(directory, "inner"), { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", join(directory, "inner")]);
    try {
      const write = (more: string) =>
        busybox(
          "--mount",
          `type=bind,src=${directory},dst=/o,ro${more}`,
          "busybox",
          "sh",
          "-c",
          "touch /o/x; touch /o/inner/x",
        );
      expect((await write("")).code).toBe(1);
      expect((await write(",bind-recursive=writable")).code).toBe(0);
      expect([existsSync(join(directory, "x")), existsSync(join(directory, "inner/x"))]).toEqual([
        false,
        true,
      ]);
    } finally {
      execFileSync("umount", [join(directory, "inner")]);
    }
  });

  test("cp reaches the volumes of a container that does not run", async () => {
    await output("run", "--name", "box", "--network", "none", "-v", "data:/d", "busybox");
    writeFileSync(join(host.directory, "file"), "copied\n");
    await output("create", "--name", "never-started", "-v", "data:/d/e", "busybox");
    await output("cp", "file", "never-started:/d/e/first");
    expect(readFileSync(join(data("data"), "first"), "utf8")).toBe("copied\n");
    await output("cp", "file", "box:/d/file");
    expect(readFileSync(join(data("data"), "file"), "utf8")).toBe("copied\n");
    await output("cp", "box:/d/file", "back");
    expect(readFileSync(join(host.directory, "back"), "utf8")).toBe("copied\n");
  });

  test("nothing is made for a container that is refused or only shown", async () => {
    expect((await busybox("-v", "data:/d", "-v", "/a:relative", "busybox", "true")).code).toBe(125);
    const { stdout } = await busybox("--dry-run", "-v", "data:/d", "-v", "/none", "busybox", "true");
    expect(stdout).toContain(data("data"));
    await output("create", "--name", "box", "busybox");
    expect((await tsrun("create", "--name", "box", "-v", "data:/d", "-v", "/none", "busybox")).code).toBe(1);
    expect(await volumes()).toEqual([]);
  });
});

describe("copy-up", () => {
  const tree = "srv/data";
  beforeAll(async () => {
    const image = busyboxImage();
    const layers = [...image.layers, richLayer(tree)];
    await host.registry().pushImage("library/rich", ["latest"], { ...image, layers });
    await output("pull", "-q", "rich");
  });
  const inLayer = (): string => {
    const layers = join(host.root, "layers");
    const found = readdirSync(layers).find((name) => existsSync(join(layers, name, tree)));
    return join(layers, found as string, tree);
  };

  test("an empty volume gets the image's tree: owners, modes, times, attributes, links and all", async () => {
    await output("create", "--name", "box", "-v", `data:/${tree}`, "rich");
    expect(fingerprint(data("data"))).toEqual(fingerprint(inLayer()));
    expect(fingerprint(data("data")).join("\n")).toContain("cap_net_raw");
  });

  test("one that has something, or nocopy, stays as it is", async () => {
    await output("volume", "create", "data");
    writeFileSync(join(data("data"), "mine"), "");
    await output("create", "-v", `data:/${tree}`, "-v", `none:/${tree}/sub:nocopy`, "rich");
    await output("create", "--mount", `src=none2,dst=/${tree},volume-nocopy`, "rich");
    expect([readdirSync(data("data")), readdirSync(data("none")), readdirSync(data("none2"))]).toEqual([
      ["mine"],
      [],
      [],
    ]);
  });

  test("killed half way it is made again", async () => {
    await output("volume", "create", "data");
    writeFileSync(join(host.root, "volumes/data/populating"), "");
    writeFileSync(join(data("data"), "one"), "half");
    await output("create", "-v", `data:/${tree}`, "rich");
    expect(fingerprint(data("data"))).toEqual(fingerprint(inLayer()));
    expect(readdirSync(join(host.root, "volumes/data")).sort()).toEqual(["_data", "volume.json"]);
  });

  test("a kill at any moment leaves no half volume to anybody", async () => {
    for (let delay = 20; delay < 400; delay += 75) {
      const name = `killed${delay}`;
      const command = host.start({}, "create", "-v", `${name}:/${tree}`, "rich");
      setTimeout(() => command.child.kill("SIGKILL"), delay);
      await command.result;
      await output("create", "-v", `${name}:/${tree}`, "rich");
      expect(fingerprint(data(name))).toEqual(fingerprint(inLayer()));
    }
  });

  test("a link of the image that points out of the container leads nowhere else", async () => {
    const outside = join(host.directory, "outside");
    mkdirSync(outside, { recursive: true });
    writeFileSync(join(outside, "secret"), "of the host");
    const image = busyboxImage([
      { path: "absolute", type: "SymbolicLink", linkpath: outside },
      { path: "relative", type: "SymbolicLink", linkpath: `../../../../../..${outside}` },
      { path: "magic", type: "SymbolicLink", linkpath: `/proc/1/root${outside}` },
      { path: "srv/" },
      { path: "srv/links/" },
      { path: "srv/links/out", type: "SymbolicLink", linkpath: outside },
      { path: "srv/parent", type: "SymbolicLink", linkpath: host.directory },
    ]);
    await host.registry().pushImage("library/hostile", ["latest"], {
      ...image,
      config: { ...image.config, Volumes: { "/absolute": {}, "/srv/links": {} } },
    });
    await output("pull", "-q", "hostile");
    const before = readFileSync("/proc/self/mountinfo", "utf8");
    for (const target of [
      "/absolute",
      "/relative",
      "/srv/links/out",
      "/srv/parent/outside",
      "/magic",
      "/absolute/new",
    ]) {
      const name = `v${target.replaceAll("/", "-")}`;
      const { stdout } = await busybox(
        "-v",
        `${name}:${target}`,
        "hostile",
        "sh",
        "-c",
        `echo in > ${target}/written; ls ${target}`,
      );
      expect(stdout, target).not.toContain("secret");
      expect(readdirSync(data(name)), target).not.toContain("secret");
    }
    expect(readdirSync(outside)).toEqual(["secret"]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(before);
    // Where a link leads to inside of the container is where the volume is, and nowhere else.
    expect(readdirSync(data("v-absolute"))).toEqual(["written"]);
  });
});

test("what is mounted on a volume is not removed with it, though a link leads to the data", async () => {
  const linked = join(host.directory, "linked");
  symlinkSync(host.root, linked);
  const shared = join(host.directory, "of-others");
  mkdirSync(shared);
  writeFileSync(join(shared, "precious"), "");
  const there = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await host.tsrunWith({ env: { TSRUN_ROOT: linked } }, ...args);
    if (code !== 0) throw new Error(stderr);
  };
  await there("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${shared}`, "bound");
  await there("run", "-d", "--name", "user", "--network", "none", "-v", "bound:/b", "busybox", "sleep", "60");
  await there("run", "--rm", "--network", "none", "-v", "bound:/b", "busybox", "ls", "/b/precious");
  await there("rm", "-f", "user");
  await there("volume", "rm", "bound");
  expect(readdirSync(shared)).toEqual(["precious"]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("/volumes/bound");
});

/** Files of containers through the engine: roots that are seen by nobody else, hostile containers, images made here. */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { copyIn, copyOut, type EngineEvent } from "../../src/index.ts";
import { O_PATH } from "../../src/kernel/openat2.ts";
import { openOverlay } from "../../src/kernel/overlay.ts";
import { canMapOwners } from "../../src/kernel/userns.ts";
import { setXattr } from "../../src/kernel/xattr.ts";
import { readBlob } from "../../src/store/blobs.ts";
import { packTree } from "../../src/store/pack/pack.ts";
import { containerDir, containerRunDir } from "../../src/store/paths.ts";
import { IMAGE, textOf, useEngine } from "../support/engine.ts";
import { type ReadEntry, tarEntries } from "../support/tar-entries.ts";
import { tarLayer } from "../support/tar-layer.ts";

const host = useEngine();
const { engine, paths, directory } = host;

const SLEEP = { image: IMAGE, network: "none", command: ["sleep", "1000"] } as const;
const options = { ...SLEEP, command: [...SLEEP.command] };

/** A directory of the host that no container may come near, with a file in it. */
let secret: string;
beforeEach(({ task }) => {
  secret = join(directory, `secret-${task.id}`);
  mkdirSync(secret);
  writeFileSync(join(secret, "key"), "TOP SECRET");
});

async function ended(script: string): Promise<string> {
  const process = await host.sh(script);
  const errors = textOf(process.stderr);
  process.stdout.resume();
  const { exitCode } = await process.exited;
  expect([exitCode, await errors]).toEqual([0, ""]);
  return process.containerId;
}

async function inside(id: string, script: string): Promise<string> {
  const process = await engine.exec(id, { command: ["sh", "-c", script] });
  const [out] = await Promise.all([textOf(process.stdout), textOf(process.stderr), process.exited]);
  return out;
}

test("owners can be mapped in a mount of files that are on a disk, and not of what has none", () => {
  expect(canMapOwners(secret)).toBe(true);
  expect(canMapOwners(join(secret, "key"))).toBe(true);
  expect(canMapOwners("/proc/tty")).toBe(false);
  expect(canMapOwners(join(secret, "nothing"))).toBe(false);
});

const archiveOf = (name: string, data: string): Readable => Readable.from([tarLayer([{ path: name, data }])]);
const upper = (id: string): string => join(containerDir(paths, id), "upper");
const mountLines = (): number => readFileSync("/proc/self/mountinfo", "utf8").split("\n").length;

describe("the root of a container", () => {
  test("is there whether it runs or not, and nobody sees the mount", async () => {
    const { id } = await engine.create(options);
    const before = mountLines();
    await engine.copyTo(id, "/tmp", archiveOf("one", "1"));
    const { archive } = await engine.copyFrom(id, "/tmp");
    expect([mountLines(), readdirSync(join(containerDir(paths, id), "merged"))]).toEqual([before, []]);
    expect((await tarEntries(archive)).map(({ name }) => name)).toEqual(["tmp/", "tmp/one"]);
    expect(existsSync(containerRunDir(paths, id))).toBe(false);

    await engine.start(id);
    await engine.copyTo(id, "/tmp", archiveOf("two", "2"));
    expect(await inside(id, "cat /tmp/one /tmp/two")).toBe("12");
  });

  test("a container that is read is kept from starting, until the archive has been read", async () => {
    const { id } = await engine.create(options);
    const { archive } = await engine.copyFrom(id, "/bin");
    let started = false;
    const starting = engine.start(id).then((process) => {
      started = true;
      return process;
    });
    await sleep(300);
    expect(started).toBe(false);
    await tarEntries(archive);
    await starting;
  });

  test("an archive that nobody reads lets go when it is destroyed", async () => {
    const { id } = await engine.create(options);
    const { archive } = await engine.copyFrom(id, "/bin");
    archive.destroy();
    await new Promise((resolve) => archive.once("close", resolve));
    const process = await engine.start(id);
    await engine.kill(id);
    await process.exited;
  });

  test("volumes are part of it before it runs, read-only ones for reading", async () => {
    const [volume, fixed] = [join(directory, "volume"), join(directory, "fixed")];
    for (const path of [volume, fixed]) mkdirSync(path, { recursive: true });
    writeFileSync(join(fixed, "f"), "fixed");
    const mounts = [
      { type: "bind", source: volume, target: "/srv", readOnly: false, sourceMustExist: true } as const,
      { type: "bind", source: fixed, target: "/opt", readOnly: true, sourceMustExist: true } as const,
    ];
    const { id } = await engine.create({ ...options, mounts });
    for (const state of ["created", "running"]) {
      await engine.copyTo(id, "/srv", archiveOf(state, state));
      expect(readFileSync(join(volume, state), "utf8")).toBe(state);
      const { archive } = await engine.copyFrom(id, "/opt/f");
      expect((await tarEntries(archive))[0]?.data).toBe("fixed");
      await expect(engine.copyTo(id, "/opt", archiveOf("x", "x"))).rejects.toMatchObject({
        code: "ERR_TSRUN_READ_ONLY",
        message: "mounted volume is marked read-only",
      });
      // They are no part of what is exported.
      expect((await tarEntries(await engine.export(id))).some(({ name }) => name.startsWith("srv/c"))).toBe(
        false,
      );
      if (state === "created") await engine.start(id);
    }
  });

  test("a read-only root is not written to, running or not", async () => {
    const { id } = await engine.create({ ...options, readOnly: true });
    for (const state of ["created", "running"]) {
      await expect(engine.copyTo(id, "/tmp", archiveOf(state, "x"))).rejects.toMatchObject({
        code: "ERR_TSRUN_READ_ONLY",
        message: "container rootfs is marked read-only",
      });
      if (state === "created") await engine.start(id);
    }
  });

  test("more layers than one page of mount options holds", () => {
    const base = join(directory, "many");
    const lower = Array.from({ length: 150 }, (_, i) => `layer-with-a-long-name-${i}`.padEnd(40, "x"));
    for (const name of lower) {
      mkdirSync(join(base, name), { recursive: true });
      writeFileSync(join(base, name, name), "");
      writeFileSync(join(base, name, "same"), name);
    }
    for (const name of ["upper", "work", "merged"]) mkdirSync(join(base, name));
    for (const writable of [undefined, { upper: "upper", work: "work" }]) {
      const fd = openOverlay({ directory: base, lower, writable, target: "merged", binds: [] });
      const root = `/proc/self/fd/${fd}`;
      expect(readdirSync(root)).toHaveLength(151);
      expect(readFileSync(join(root, "same"), "utf8")).toBe(lower[0]);
      if (writable) writeFileSync(join(root, "new"), "");
      else expect(() => writeFileSync(join(root, "new"), "")).toThrow("EROFS");
      closeSync(fd);
    }
    expect(readdirSync(join(base, "upper"))).toEqual(["new"]);
  });
});

describe("a hostile container", () => {
  const leaks = (entries: readonly ReadEntry[]): string[] =>
    entries.filter(({ data }) => data.includes("SECRET")).map(({ name }) => name);

  /** Links that would lead to the host's directory if they were followed from the host's root. */
  const links = (): Record<string, string> => ({
    absolute: secret,
    relative: `../../../../../../../../../..${secret}`,
    "chained/in": secret,
    self: `/proc/self/root${secret}`,
    process: `/proc/1/cwd/../../..${secret}`,
  });

  test.each(["stopped", "running"])("that is %s cannot lead a copy out by links", async (state) => {
    const planted = Object.entries(links()).map(([name, target]) => `ln -s ${target} /${name}`);
    const id = await ended(["mkdir /chained", ...planted].join("; "));
    if (state === "running") {
      const { id: image } = await engine.commit(id);
      const running = await engine.run({ ...options, image });
      await tries(running.containerId);
    } else {
      await tries(id);
    }
    expect(readdirSync(secret)).toEqual(["key"]);

    async function tries(container: string): Promise<void> {
      for (const link of Object.keys(links())) {
        for (const path of [`/${link}/key`, `/${link}/`, `/${link}/.`]) {
          await expect(engine.copyFrom(container, path)).rejects.toMatchObject({
            code: /^ERR_TSRUN_(PATH|COPY)_/,
          });
        }
        const followed = engine.copyFrom(container, `/${link}`, { followLink: true });
        await expect(followed).rejects.toMatchObject({ code: /^ERR_TSRUN_(PATH|COPY)_/ });
        await expect(engine.copyTo(container, `/${link}`, archiveOf("evil", "x"))).rejects.toMatchObject({
          code: /^ERR_TSRUN_(PATH|COPY)_/,
        });
      }
      const { archive } = await engine.copyFrom(container, "/");
      expect(leaks(await tarEntries(archive))).toEqual([]);
      expect(leaks(await tarEntries(await engine.export(container)))).toEqual([]);
    }
  });

  test("that follows its own links stays inside", async () => {
    const id = await ended("mkdir -p /real; echo own > /real/f; ln -s /real /link; ln -s f /real/alias");
    expect((await tarEntries((await engine.copyFrom(id, "/link/f")).archive))[0]?.data).toBe("own\n");
    const { archive } = await engine.copyFrom(id, "/link/alias", { followLink: true });
    expect(await tarEntries(archive)).toMatchObject([{ name: "alias", type: "file", data: "own\n" }]);
    await engine.copyTo(id, "/link", archiveOf("new", "x"));
    expect(readFileSync(join(upper(id), "real/new"), "utf8")).toBe("x");
  });

  /** Exchanges a directory for a link to the host's, as fast as a shell can, while files are copied. */
  test("that exchanges directories for links meanwhile (CVE-2018-15664)", async () => {
    const swap = `mkdir -p /w/d/sub; echo mine > /w/d/key; echo mine > /w/d/sub/key; cd /w;
      while :; do mv d e; ln -s ${secret} d; rm d; ln -s ../../../../../../..${secret} d; rm d; mv e d; done`;
    const { containerId: id } = await host.sh(swap);
    const seen = new Set<string>();
    const deadline = performance.now() + 8_000;
    let writes = 0;
    while (performance.now() < deadline) {
      for (const path of ["/w", "/w/d", "/w/d/key", "/w/d/."]) {
        const entries = await engine.copyFrom(id, path).then(
          ({ archive }) => tarEntries(archive),
          (error: unknown) => {
            expect(error).toMatchObject({ code: /^ERR_TSRUN_(PATH|COPY)_/ });
            return [];
          },
        );
        expect(leaks(entries)).toEqual([]);
        for (const { type, name } of entries) seen.add(`${type} ${name}`);
      }
      for (const [path, name] of [
        ["/w/d", "key"],
        ["/w", "d/evil"],
        ["/w/d", "sub/evil"],
      ] as const) {
        await engine.copyTo(id, path, archiveOf(name, "evil")).then(
          () => {
            writes += 1;
          },
          (error: unknown) => expect(error).toMatchObject({ code: /^ERR_TSRUN_(PATH|COPY)_/ }),
        );
      }
      const entries = await tarEntries(await engine.export(id));
      expect(leaks(entries)).toEqual([]);
    }
    expect(readdirSync(secret)).toEqual(["key"]);
    expect(readFileSync(join(secret, "key"), "utf8")).toBe("TOP SECRET");
    // Both faces of the directory were met, or this has tested nothing.
    expect([...seen]).toEqual(expect.arrayContaining(["directory w/d/", "symlink w/d"]));
    expect(writes).toBeGreaterThan(0);
  });

  test("cannot make a copy write outside of its destination", async () => {
    const id = await ended(`mkdir -p /d/a; ln -s ${secret} /d/b; echo x > /d/a/key`);
    const to = join(directory, `out-${id.slice(0, 8)}`);
    mkdirSync(to);
    symlinkSync(secret, join(to, "a")); // the user's own, in the place of a directory that comes
    await expect(copyOut(engine, { container: id, path: "/d/." }, { to })).rejects.toMatchObject({
      code: "ERR_TSRUN_COPY_CONFLICT",
    });
    expect(readFileSync(join(secret, "key"), "utf8")).toBe("TOP SECRET");
  });

  test("devices and FIFOs are copied, not opened", async () => {
    const id = await ended("mkdir /n; mkfifo /n/fifo; mknod /n/zero c 1 5");
    const entries = await tarEntries((await engine.copyFrom(id, "/n")).archive);
    expect(entries.map(({ name, type, major, minor }) => [name, type, major, minor])).toEqual([
      ["n/", "directory", 0, 0],
      ["n/fifo", "fifo", 0, 0],
      ["n/zero", "char", 1, 5],
    ]);
  });
});

describe("diff and commit", () => {
  const SCRIPT = `mkdir -p /new/dir; echo 1 > /new/dir/f; echo more >> /etc/passwd; rm /etc/group;
    rm -r /var; mkdir /var; echo 2 > /var/only; chmod 711 /root; touch /bin; ln -s x /new/link`;
  const CHANGES = [
    ["C", "/etc"],
    ["D", "/etc/group"],
    ["C", "/etc/passwd"],
    ["A", "/new"],
    ["A", "/new/dir"],
    ["A", "/new/dir/f"],
    ["A", "/new/link"],
    ["C", "/root"],
    ["C", "/var"],
    ["A", "/var/only"],
  ];

  const changesOf = async (id: string): Promise<string[][]> =>
    (await engine.diff(id)).map(({ kind, path }) => [kind, path]);

  test("tell what was changed, and nothing of what a start makes", async () => {
    const id = await ended(SCRIPT);
    const changes = await changesOf(id);
    const gone = changes.filter(([kind, path]) => kind === "D" && path?.startsWith("/var/"));
    expect(changes.filter((change) => !gone.includes(change))).toEqual(CHANGES);
    expect(await changesOf(await ended("true"))).toEqual([]);
  });

  test("whatever kind takes the place of another", async () => {
    const id =
      await ended(`rm -r /home; echo file > /home; rm /etc/passwd; mkdir /etc/passwd; echo k > /etc/passwd/k;
      echo a > /tmp/gone; rm /tmp/gone; mknod /tmp/null c 1 3`);
    expect(await changesOf(id)).toEqual([
      ["C", "/etc"],
      ["C", "/etc/passwd"],
      ["A", "/etc/passwd/k"],
      ["C", "/home"],
      ["C", "/tmp"],
      ["A", "/tmp/null"],
    ]);
  });

  test("an image of the container is the container, and the same again", async () => {
    const id = await ended(SCRIPT);
    const [first, second] = [await engine.commit(id), await engine.commit(id)];
    const [one, two] = [await engine.images.inspect(first.id), await engine.images.inspect(second.id)];
    expect(two.layers).toEqual(one.layers);
    expect(one.layers).toHaveLength((await engine.images.inspect(IMAGE)).layers.length + 1);
    const copy = await engine.run({ image: first.id, network: "none", command: ["sleep", "1000"] });
    const look = "cat /var/only /new/dir/f; ls /var /etc/group; stat -c %a /root; readlink /new/link";
    expect(await inside(copy.containerId, look)).toBe("2\n1\n/var:\nonly\n711\nx\n");
    expect(await changesOf(copy.containerId)).toEqual([]);
  });

  test("an identical change in another container has the same diff id", async () => {
    const layerOf = async (): Promise<string | undefined> => {
      const { id } = await engine.create(options);
      await engine.copyTo(id, "/opt", archiveOf("f", "same"), { keepOwner: true });
      // A start leaves mount points, which are no part of it.
      const process = await engine.start(id);
      await engine.kill(id);
      await process.exited;
      const touched = (await tarEntries((await engine.copyFrom(id, "/opt")).archive)).map(({ name }) => name);
      expect(touched).toEqual(["opt/", "opt/f"]);
      // When the file was made in it is the one thing that differs.
      utimesSync(join(upper(id), "opt"), 1000, 1000);
      return (await engine.images.inspect((await engine.commit(id)).id)).layers.at(-1);
    };
    const [a, b] = [await layerOf(), await layerOf()];
    expect(a).toBeDefined();
    expect(b).toBe(a);
  });

  test("nothing written is no layer; the history says so", async () => {
    const id = await ended("true");
    const { id: image } = await engine.commit(id, { message: "as it was", author: "me" });
    expect((await engine.images.inspect(image)).layers).toEqual((await engine.images.inspect(IMAGE)).layers);
    const { history } = JSON.parse(String(readBlob(paths, image))) as { history: object[] };
    expect(history.at(-1)).toMatchObject({ empty_layer: true, comment: "as it was", author: "me" });
  });

  test("pauses what runs, and lets it run again, also when it fails", async () => {
    const { containerId: id } = await host.sh("while :; do echo x >> /log; done");
    await engine.commit(id);
    const length = async (): Promise<number> => Number((await inside(id, "wc -c < /log")).trim());
    const before = await length();
    await expect.poll(length).toBeGreaterThan(before);

    await inside(id, "touch /.wh.trap");
    await expect(engine.commit(id)).rejects.toMatchObject({ code: "ERR_TSRUN_LAYER_NOT_PORTABLE" });
    const after = await length();
    await expect.poll(length).toBeGreaterThan(after);
  });

  test("what was paused before stays so", async () => {
    const { containerId: id } = await engine.run(options);
    await engine.pause(id);
    await engine.commit(id);
    await engine.copyTo(id, "/tmp", archiveOf("f", "x"));
    expect((await engine.inspect(id)).state.paused).toBe(true);
  });

  test("ends when it is aborted, and leaves nothing", async () => {
    const id = await ended("dd if=/dev/urandom of=/big bs=1M count=30 2>/dev/null");
    const controller = new AbortController();
    const committing = engine.commit(id, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 50);
    await expect(committing).rejects.toThrow("enough");
    expect(readdirSync(join(paths.root, "tmp"))).toEqual([]);
  });

  test("an image outlives the one that it was made of", async () => {
    const { id: own } = await engine.images.import(await engine.export((await engine.create(options)).id));
    const { id } = await engine.create({ ...options, image: own });
    await engine.copyTo(id, "/tmp", archiveOf("f", "kept"));
    await engine.images.remove(own, { force: true });
    const image = await engine.commit(id);
    await engine.remove(id);
    const copy = await engine.run({ image: image.id, network: "none", command: ["sleep", "1000"] });
    expect(await inside(copy.containerId, "cat /tmp/f")).toBe("kept");
    const manifest = (await engine.images.inspect(image.id)).layers;
    expect(manifest).toHaveLength(2);
  });

  test("overlayfs's references cannot be packed, and are not lost in silence", async () => {
    const id = await ended("mkdir /d; echo x > /d/f");
    setXattr(join(upper(id), "d"), "trusted.overlay.redirect", Buffer.from("/elsewhere"));
    await expect(engine.commit(id)).rejects.toMatchObject({ code: "ERR_TSRUN_LAYER_NOT_PORTABLE" });
  });
});

describe("export, import and run", () => {
  /** The tree as an archive of it would be, without what differs by nature. */
  async function treeOf(id: string): Promise<object[]> {
    const entries = await tarEntries(await engine.export(id));
    return entries
      .filter(({ name }) => name !== "./")
      .map(({ atime: _, xattrs, data, ...entry }) => ({
        ...entry,
        xattrs: Object.fromEntries(xattrs ?? []),
        data: data.length > 100 ? createHash("sha256").update(data, "latin1").digest("hex") : data,
      }));
  }

  test("gives the same tree: names, modes, owners, links, times, attributes", async () => {
    const long = "n".repeat(200);
    const id =
      await ended(`mkdir -p /t/${long} /t/sticky; echo data > /t/f; ln /t/f /t/hard; ln -s /no/where /t/link;
      chown 1234:70000 /t/f; chmod 4711 /t/f; chmod 1777 /t/sticky; chown -h 5:6 /t/link; mkfifo /t/fifo; mknod /t/dev c 1 7;
      touch -d '2001-02-03 04:05:06' /t/f /t/sticky; printf x > "/t/$(printf 'caf\\351')"; chown 4000000000 /t/sticky`);
    const file = join(upper(id), "t/f");
    setXattr(file, "user.note", Buffer.from("a\0b\n"));
    // cap_net_raw+ep, as setcap(8) writes it (capabilities(7), VFS_CAP_REVISION_2)
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    setXattr(file, "security.capability", capability);
    const before = await treeOf(id);
    const { id: image } = await engine.images.import(await engine.export(id), {
      changes: ["CMD sleep 1000"],
    });
    const copy = await engine.run({ image, network: "none" });
    const after = await treeOf(copy.containerId);
    expect(after).toEqual(before);
    expect(before.length).toBeGreaterThan(20);
    expect(before).toContainEqual(
      expect.objectContaining({
        name: "t/f",
        mode: 0o4711,
        uid: 1234,
        gid: 70000,
        xattrs: { "user.note": Buffer.from("a\0b\n"), "security.capability": capability },
      }),
    );
  });

  test("an archive may be compressed already", async () => {
    const { gzipSync, zstdCompressSync } = await import("node:zlib");
    const tar = tarLayer([{ path: "hello", data: "hi" }]);
    const layers = [];
    for (const archive of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
      const { id } = await engine.images.import(Readable.from([archive]));
      layers.push((await engine.images.inspect(id)).layers[0]);
    }
    expect(new Set(layers).size).toBe(1);
  });

  test.each([
    ["no archive", Buffer.from("hello ".repeat(300))],
    ["nothing", Buffer.alloc(0)],
    ["no files", Buffer.alloc(10240)],
    ["xz", Buffer.from("fd377a585a000004e6d6b446", "hex")],
  ])("refuses %s", async (_, bytes) => {
    await expect(engine.images.import(Readable.from([bytes]))).rejects.toMatchObject({
      code: "ERR_TSRUN_ARCHIVE_INVALID",
    });
  });
});

test("is told in the events", async () => {
  const since = new Date().toISOString();
  const { id } = await engine.create(options);
  await engine.copyTo(id, "/tmp", archiveOf("f", "x"));
  await tarEntries((await engine.copyFrom(id, "/tmp")).archive);
  const { id: imported } = await engine.images.import(await engine.export(id), { reference: "told:1" });
  const { id: committed } = await engine.commit(id, { reference: "told:2", message: "why" });
  // Events have nanoseconds, these bounds milliseconds.
  const until = new Date(Date.now() + 1).toISOString();
  const events: EngineEvent[] = [];
  for await (const event of engine.system.events({ since, until })) events.push(event);
  expect(events.map(({ action }) => action)).toEqual([
    ...["create", "extract-to-dir", "archive-path", "export"],
    ...["import", "commit"],
  ]);
  expect(events.at(-2)).toMatchObject({ type: "image", id: imported, attributes: { name: "told:1" } });
  expect(events.at(-1)).toMatchObject({
    type: "container",
    id,
    attributes: { comment: "why", imageID: committed, imageRef: "told:2" },
  });
});

test("a disk that is full says so", async () => {
  const { id } = await engine.create(options);
  const process = await engine.start(id);
  const mount = await engine.exec(id, {
    command: ["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"],
    privileged: true,
  });
  expect((await mount.exited).exitCode).toBe(0);
  await expect(engine.copyTo(id, "/mnt", archiveOf("big", "x".repeat(200_000)))).rejects.toMatchObject({
    code: "ERR_TSRUN_COPY_FAILED",
    message: expect.stringContaining("no space left"),
  });
  await engine.kill(id);
  await process.exited;
});

test("a file of the host is packed by what it is, not by its name", async () => {
  const { id } = await engine.create(options);
  const path = join(directory, "linked");
  symlinkSync(join(secret, "key"), path);
  await copyIn(engine, path, { to: { container: id, path: "/tmp/link" } });
  await copyIn(engine, path, { to: { container: id, path: "/tmp/" }, followLink: true });
  expect(readlinkSync(join(upper(id), "tmp/link"))).toBe(join(secret, "key"));
  expect(readFileSync(join(upper(id), "tmp/linked"), "utf8")).toBe("TOP SECRET");
  const fd = openSync(secret, O_PATH);
  expect((await tarEntries(packTree(fd, { name: "s" }))).map(({ name }) => name)).toEqual(["s/", "s/key"]);
  closeSync(fd);
});

import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { O_PATH, openBeneath } from "../../../../src/kernel/openat2.ts";
import { unpackInto } from "../../../../src/store/unpack/unpack-into.ts";
import { type TarFields, tar } from "../tar-builder.ts";

let directory: string;
let outside: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-into-"));
  outside = mkdtempSync(join(tmpdir(), "tsrun-outside-"));
  writeFileSync(join(outside, "passwd"), "root\n");
});
afterEach(() => {
  for (const path of [directory, outside]) rmSync(path, { recursive: true, force: true });
});

const me = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

async function unpack(archive: Buffer, options: { rename?: (path: string) => string } = {}): Promise<void> {
  const fd = openSync(directory, O_PATH);
  try {
    await unpackInto(
      (async function* () {
        for (let at = 0; at < archive.length; at += 700) yield archive.subarray(at, at + 700);
      })(),
      { open: (path, flags) => openBeneath(fd, path, flags), directory: ".", owner: me, ...options },
    );
  } finally {
    closeSync(fd);
  }
}

const text = (name: string): string => readFileSync(join(directory, name), "utf8");
const folder = (name: string, fields: Partial<TarFields> = {}): TarFields => ({
  name,
  type: "5",
  mode: 0o755,
  ...fields,
});

describe("unpackInto", () => {
  it("makes files, links and directories with their modes and times", async () => {
    await unpack(
      tar(
        folder("d/", { mode: 0o750, mtime: 1000 }),
        { name: "d/file", data: "content", mode: 0o640, mtime: 2000 },
        { name: "d/link", type: "2", linkname: "file" },
        { name: "d/hard", type: "1", linkname: "d/file" },
        { name: "missing/parent/x", data: "x" },
      ),
    );
    expect(text("d/file")).toBe("content");
    expect(readlinkSync(join(directory, "d/link"))).toBe("file");
    expect(statSync(join(directory, "d/hard")).ino).toBe(statSync(join(directory, "d/file")).ino);
    const [file, parent] = [statSync(join(directory, "d/file")), statSync(join(directory, "d"))];
    expect([file.mode & 0o7777, file.mtimeMs / 1000]).toEqual([0o640, 2000]);
    expect([parent.mode & 0o7777, parent.mtimeMs / 1000]).toEqual([0o750, 1000]);
    expect(text("missing/parent/x")).toBe("x");
  });

  it("replaces files and links, and merges directories", async () => {
    mkdirSync(join(directory, "d"));
    writeFileSync(join(directory, "d/kept"), "kept");
    writeFileSync(join(directory, "d/other"), "old");
    linkSync(join(directory, "d/other"), join(directory, "elsewhere"));
    symlinkSync(join(outside, "passwd"), join(directory, "d/link"));
    await unpack(tar(folder("d/"), { name: "d/other", data: "new" }, { name: "d/link", data: "no link" }));
    expect([text("d/kept"), text("d/other"), text("d/link")]).toEqual(["kept", "new", "no link"]);
    expect(text("elsewhere")).toBe("old"); // a file is replaced, not written into
    expect(readFileSync(join(outside, "passwd"), "utf8")).toBe("root\n");
  });

  it("leaves the destination its own mode", async () => {
    chmodSync(directory, 0o700);
    await unpack(tar(folder("./", { mode: 0o777 }), { name: "./x", data: "x" }));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it("renames as it is told, hard links' targets too", async () => {
    const rename = (path: string): string => path.replace(/^old/, "new");
    await unpack(
      tar(folder("old/"), { name: "old/a", data: "1" }, { name: "old/b", type: "1", linkname: "old/a" }),
      { rename },
    );
    expect(readdirSync(directory)).toEqual(["new"]);
    expect(text("new/b")).toBe("1");
  });

  it("takes setuid and setgid away where the owner changes, and only there", async () => {
    await unpack(
      tar(
        { name: "foreign", data: "", mode: 0o6755, uid: me.uid + 1, gid: me.gid + 1 },
        { name: "own", data: "", mode: 0o6755, uid: me.uid, gid: me.gid },
      ),
    );
    expect(statSync(join(directory, "foreign"))).toMatchObject(me);
    expect(statSync(join(directory, "foreign")).mode & 0o7777).toBe(0o755);
    expect(statSync(join(directory, "own")).mode & 0o7777).toBe(0o6755);
  });

  it("does not exchange a directory for a file, nor a file for a directory", async () => {
    mkdirSync(join(directory, "d"));
    writeFileSync(join(directory, "f"), "");
    const code = "ERR_TSRUN_COPY_CONFLICT";
    await expect(unpack(tar({ name: "d", data: "x" }))).rejects.toMatchObject({ code });
    await expect(unpack(tar(folder("f/")))).rejects.toMatchObject({ code });
  });

  describe("stays where it is told to", () => {
    it.each<[string, () => (TarFields | Buffer)[]]>([
      [
        "through a link of the archive's",
        () => [
          { name: "a", type: "2", linkname: outside },
          { name: "a/evil", data: "x" },
        ],
      ],
      [
        "through a relative link",
        () => [
          { name: "a", type: "2", linkname: "../.." },
          { name: "a/evil", data: "x" },
        ],
      ],
      ["by ..", () => [{ name: "../evil", data: "x" }]],
      [
        "by a hard link",
        () => [
          { name: "a", type: "2", linkname: outside },
          { name: "b", type: "1", linkname: "a/passwd" },
        ],
      ],
      [
        "by a hard link with ..",
        () => [{ name: "b", type: "1", linkname: `../../../../../../..${outside}/passwd` }],
      ],
      [
        "through a directory that turns into a link",
        () => [folder("a/"), { name: "a", type: "2", linkname: outside }, { name: "a/evil", data: "x" }],
      ],
    ])("%s", async (_, make) => {
      await expect(unpack(tar(...make()))).rejects.toMatchObject({ code: /^ERR_TSRUN_(?:COPY|ARCHIVE)_/ });
      expect(readdirSync(outside)).toEqual(["passwd"]);
      expect(existsSync(join(directory, "..", "evil"))).toBe(false);
      expect(statSync(join(outside, "passwd")).nlink).toBe(1);
    });

    it("through links that are there already", async () => {
      symlinkSync(outside, join(directory, "there"));
      await expect(unpack(tar({ name: "there/evil", data: "x" }))).rejects.toMatchObject({
        code: "ERR_TSRUN_COPY_FAILED",
      });
      expect(readdirSync(outside)).toEqual(["passwd"]);
    });

    it("with an absolute name, which begins at the destination", async () => {
      await unpack(tar({ name: `${outside}/evil`, data: "x" }));
      expect(readdirSync(outside)).toEqual(["passwd"]);
      expect(text(`.${outside}/evil`)).toBe("x");
    });
  });

  it("reads compressed archives", async () => {
    await unpack(gzipSync(tar({ name: "x", data: "squeezed" })));
    expect(text("x")).toBe("squeezed");
  });

  it.each<[string, () => Buffer]>([
    ["what is no archive", () => Buffer.from("hello ".repeat(200))],
    ["half of one", () => tar({ name: "x", data: "y".repeat(2000) }).subarray(0, 1200)],
    ["damaged gzip", () => gzipSync(tar({ name: "x", data: "y".repeat(9000) })).subarray(0, 60)],
  ])("says that it cannot read %s", async (_, make) => {
    await expect(unpack(make())).rejects.toMatchObject({ code: "ERR_TSRUN_ARCHIVE_INVALID" });
  });

  it("passes errors of the source on", async () => {
    const fd = openSync(directory, O_PATH);
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield tar({ name: "x", data: "y" }).subarray(0, 512);
      throw new Error("the other side is gone");
    };
    const unpacking = unpackInto(failing(), {
      open: (path, flags) => openBeneath(fd, path, flags),
      directory: ".",
    });
    await expect(unpacking).rejects.toThrow("the other side is gone");
    closeSync(fd);
    expect(lstatSync(join(directory, "x")).size).toBe(0);
  });
});

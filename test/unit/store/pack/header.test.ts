import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  END_OF_ARCHIVE,
  encodeHeader,
  type PackedEntry,
  padding,
} from "../../../../src/store/pack/header.ts";
import { type TarEntry, TarReader } from "../../../../src/store/unpack/tar-reader.ts";

const base: PackedEntry = {
  type: "file",
  name: "etc/motd",
  linkname: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
  major: 0,
  minor: 0,
};

/** What the archive's reader makes of a header. */
function read(entry: PackedEntry): TarEntry {
  const seen: TarEntry[] = [];
  const reader = new TarReader({ entry: (each) => void seen.push(each), data() {}, end() {} });
  reader.push(encodeHeader(entry));
  expect(seen).toHaveLength(1);
  return seen[0] as TarEntry;
}

describe("a packed entry", () => {
  it.each<[string, Partial<PackedEntry>]>([
    ["a plain file", { size: 12345 }],
    ["every permission bit", { mode: 0o7777 }],
    ["ids beyond seven octal digits", { uid: 0o10000000, gid: 0xfffffffe }],
    ["the largest ids of a field", { uid: 0o7777777, gid: 0o7777777 }],
    ["more than 8 GiB", { size: 9 * 1024 ** 3 }],
    ["nanoseconds", { mtime: { seconds: 1_700_000_000, nanoseconds: 1 } }],
    ["trailing zeros of nanoseconds", { mtime: { seconds: 5, nanoseconds: 120_000_000 } }],
    ["a time before 1970", { mtime: { seconds: -2, nanoseconds: 750_000_000 } }],
    ["a moment before 1970", { mtime: { seconds: -1, nanoseconds: 500_000_000 } }],
    ["whole seconds before 1970", { mtime: { seconds: -7, nanoseconds: 0 } }],
    ["a name of 100 bytes", { name: "n".repeat(100) }],
    ["a name that splits", { name: `${"d".repeat(80)}/${"e".repeat(60)}/${"f".repeat(90)}` }],
    ["a name that does not split", { name: "x".repeat(180) }],
    ["a long directory", { type: "directory", name: `${"long/".repeat(30)}${"y".repeat(120)}/` }],
    ["a name that is not UTF-8", { name: "caf\u00e9\u00ff" }],
    ["a long name that is not UTF-8", { name: `\u00ff${"z".repeat(200)}` }],
    ["a newline and an equals sign", { name: `a=b\n${"c".repeat(120)}` }],
    ["a link", { type: "symlink", linkname: "/somewhere" }],
    ["a link to a long path", { type: "symlink", linkname: `/${"t".repeat(300)}` }],
    ["a hard link", { type: "hardlink", linkname: "etc/other" }],
    ["a device", { type: "char", major: 1, minor: 0xfffff }],
    ["a block device", { type: "block", major: 0xfff, minor: 3 }],
    ["a FIFO", { type: "fifo" }],
    [
      "attributes",
      {
        xattrs: new Map([
          ["user.b", Buffer.from("x\n\0=")],
          ["security.capability", Buffer.of(1, 0, 0, 2)],
        ]),
      },
    ],
  ])("is read as it was: %s", (_, fields) => {
    const entry = { ...base, ...fields };
    const { atime: _a, sparse: _s, xattrs, ...rest } = read(entry);
    const { xattrs: packed, ...expected } = entry;
    expect(rest).toEqual(expected);
    expect(Object.fromEntries(xattrs ?? [])).toEqual(Object.fromEntries(packed ?? []));
  });

  it("has the same bytes whatever the order of its attributes", () => {
    const [a, b] = [["user.a", Buffer.from("1")] as const, ["user.b", Buffer.from("2")] as const];
    const one = encodeHeader({ ...base, xattrs: new Map([a, b]) });
    expect(encodeHeader({ ...base, xattrs: new Map([b, a]) })).toEqual(one);
  });

  it("counts the digits of a record's length where that adds one", () => {
    for (let length = 80; length < 120; length++) {
      const value = Buffer.from("v".repeat(length));
      expect(read({ ...base, xattrs: new Map([["user.x", value]]) }).xattrs?.get("user.x")).toEqual(value);
    }
  });

  it("is what GNU tar reads too", () => {
    const name = `${"deep/".repeat(50)}file`;
    const data = Buffer.from("content");
    const archive = Buffer.concat([
      encodeHeader({ ...base, name, size: data.length, mode: 0o4755, uid: 4_000_000 }),
      data,
      Buffer.alloc(padding(data.length)),
      END_OF_ARCHIVE,
    ]);
    const { stdout, stderr } = spawnSync("tar", ["--numeric-owner", "-tvf", "-"], {
      input: archive,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^-rwsr-xr-x 4000000\/0 +7 2023-11-14 /);
    expect(stdout).toContain(name);
  });
});

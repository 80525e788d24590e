import { describe, expect, test } from "vitest";
import { type TarEntry, TarReader } from "../../../../src/store/unpack/tar-reader.ts";
import { paxHeader, type TarFields, tar, tarEntry } from "../tar-builder.ts";

interface Read extends TarEntry {
  data: string;
}

/** Reads an archive in chunks of `size` bytes. */
function read(archive: Buffer, size = archive.length): Read[] {
  const entries: Read[] = [];
  let ended = 0;
  const reader = new TarReader({
    entry: (entry) => entries.push({ ...entry, data: "" }),
    data: (chunk, start, end) => {
      const last = entries.at(-1) as Read;
      last.data += chunk.toString("latin1", start, end);
    },
    end: () => {
      ended += 1;
    },
  });
  for (let at = 0; at < archive.length; at += size) reader.push(archive.subarray(at, at + size));
  reader.finish();
  expect(ended).toBe(entries.length);
  return entries;
}

const first = (...entries: (TarFields | Buffer)[]): Read => read(tar(...entries))[0] as Read;
const corrupt = (message: RegExp) =>
  expect.objectContaining({ code: "ERR_TSRUN_LAYER_CORRUPT", message: expect.stringMatching(message) });

describe("chunks of any size give the same entries", () => {
  const long = `${"deep/".repeat(40)}file`;
  const archive = tar(
    { name: "./", type: "5", mode: 0o755 },
    { name: "a", data: "x".repeat(1300) },
    { name: "empty" },
    { name: "short", data: "b", pax: { path: long, mtime: "12.5", "SCHILY.xattr.user.k": "v" } },
    { name: "link", type: "2", linkname: "a" },
  );
  const whole = read(archive);

  test("whole", () => {
    expect(whole.map(({ name, type, data }) => [name, type, data.length])).toEqual([
      ["./", "directory", 0],
      ["a", "file", 1300],
      ["empty", "file", 0],
      [long, "file", 1],
      ["link", "symlink", 0],
    ]);
  });

  test.each([1, 7, 511, 512, 513, 1000])("%d bytes", (size) => {
    expect(read(archive, size)).toEqual(whole);
  });
});

describe("headers", () => {
  test("device numbers are read in POSIX and in GNU headers", () => {
    for (const format of ["ustar", "gnu"] as const) {
      expect(first({ name: "dev/sda", type: "4", major: 8, minor: 1, format })).toMatchObject({
        type: "block",
        major: 8,
        minor: 1,
      });
    }
  });

  test("a prefix belongs to the name in POSIX headers only", () => {
    expect(first({ name: "file", prefix: "some/where" }).name).toBe("some/where/file");
    expect(first({ name: "file", prefix: "some/where", format: "gnu" }).name).toBe("file");
  });

  test("numbers beyond octal are base-256, negative ones too", () => {
    const entry = first({
      name: "big",
      patch: (header) => {
        header.writeUInt32BE(0x80000000, 108);
        header.writeUInt32BE(3_000_000_000, 112);
        header.fill(0xff, 136, 148);
      },
    });
    expect(entry.uid).toBe(3_000_000_000);
    expect(entry.mtime).toEqual({ seconds: -1, nanoseconds: 0 });
  });

  test("names keep their bytes", () => {
    expect(first({ name: Buffer.from([0x63, 0x61, 0x66, 0xe9]) }).name).toBe("caf\u00e9");
  });

  test("V7: no type, no magic, directories by their slash", () => {
    const patch = (header: Buffer) => header.fill(0, 156, 157).fill(0, 257, 265);
    expect(first({ name: "dir/", patch }).type).toBe("directory");
    expect(first({ name: "file", patch }).type).toBe("file");
  });

  test("types without data have none, whatever their size says", () => {
    const entries = read(tar({ name: "l", type: "1", linkname: "a", size: 700 }, { name: "b", data: "B" }));
    expect(entries.map(({ name }) => name)).toEqual(["l", "b"]);
  });

  test("setuid, setgid and sticky stay, file type bits go", () => {
    expect(first({ name: "su", mode: 0o104755 }).mode).toBe(0o4755);
  });
});

describe("extensions", () => {
  test("PAX records override the header, and only the next one's", () => {
    const [a, b] = read(
      tar(
        {
          name: "a",
          pax: {
            path: "\u00fc",
            uid: "70000",
            gid: "3000000",
            linkpath: "x",
            mtime: "1.000000002",
            atime: "5",
          },
        },
        { name: "b", uid: 1 },
      ),
    );
    expect(a).toMatchObject({
      name: Buffer.from("ü").toString("latin1"),
      uid: 70000,
      gid: 3000000,
      linkname: "x",
    });
    expect(a?.mtime).toEqual({ seconds: 1, nanoseconds: 2 });
    expect(a?.atime).toEqual({ seconds: 5, nanoseconds: 0 });
    expect(b).toMatchObject({ name: "b", uid: 1 });
  });

  test("a PAX size counts", () => {
    const entries = read(
      tar(paxHeader({ size: "3" }), tarEntry({ name: "a", data: "abc", size: 0 }), { name: "b" }),
    );
    expect(entries.map(({ name, data }) => [name, data])).toEqual([
      ["a", "abc"],
      ["b", ""],
    ]);
  });

  test("global PAX headers are ignored, as docker does", () => {
    expect(first(paxHeader({ path: "elsewhere", comment: "git" }, "g"), { name: "a" }).name).toBe("a");
  });

  test("GNU long names and long links", () => {
    const name = "n".repeat(300);
    const linkname = "l".repeat(200);
    const entry = first(
      { name: "././@LongLink", type: "K", data: `${linkname}\0` },
      { name: "././@LongLink", type: "L", data: `${name}\0` },
      { name: name.slice(0, 100), type: "2", linkname: "l".repeat(100), format: "gnu" },
    );
    expect(entry).toMatchObject({ name, linkname, type: "symlink" });
  });
});

describe("sparse files", () => {
  const regions = [
    { offset: 512, length: 3 },
    { offset: 5000, length: 2 },
  ];

  test("PAX 1.0: the map before the data", () => {
    const map = Buffer.alloc(512);
    map.write("2\n512\n3\n5000\n2\n");
    const pax = {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": "big",
      "GNU.sparse.realsize": "9000",
    };
    const [entry, next] = read(
      tar({ name: "GNUSparseFile.0/big", data: `${map}abcde`, pax }, { name: "next" }),
      100,
    );
    expect(entry).toMatchObject({ name: "big", data: "abcde", size: 5, sparse: { regions, size: 9000 } });
    expect(next?.name).toBe("next");
  });

  test("PAX 0.1: the map in one record", () => {
    const pax = { "GNU.sparse.map": "512,3,5000,2", "GNU.sparse.size": "9000", "GNU.sparse.name": "big" };
    expect(first({ name: "x", data: "abcde", pax })).toMatchObject({
      name: "big",
      sparse: { regions, size: 9000 },
    });
  });

  test("PAX 0.0: the map in repeated records", () => {
    const pax: [string, string][] = [
      ["GNU.sparse.size", "9000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.offset", "512"],
      ["GNU.sparse.numbytes", "3"],
      ["GNU.sparse.offset", "5000"],
      ["GNU.sparse.numbytes", "2"],
    ];
    expect(first({ name: "big", data: "abcde", pax })).toMatchObject({ sparse: { regions, size: 9000 } });
  });

  test.each([
    ["beyond the end", "512,3,9000,2"],
    ["going back", "512,3,100,2"],
    ["of more than is stored", "512,3,5000,20"],
    ["with half a pair", "512,3,5000"],
    ["of no numbers", "a,b"],
  ])("a map %s is refused", (_, map) => {
    const pax = { "GNU.sparse.map": map, "GNU.sparse.size": "9000" };
    expect(() => first({ name: "x", data: "abcde", pax })).toThrow(corrupt(/sparse/));
  });
});

describe("damage", () => {
  test.each([
    ["in the middle of a header", 300],
    ["in the middle of data", 900],
    ["in the padding", 520 + 512],
  ])("truncated %s", (_, length) => {
    const archive = tar({ name: "a", data: "x".repeat(600) }).subarray(0, length);
    expect(() => read(archive)).toThrow(corrupt(/truncated/));
  });

  test("truncated after an extension header", () => {
    expect(() => read(paxHeader({ path: "a" }))).toThrow(corrupt(/truncated/));
  });

  test("a missing end is tolerated, and so is whatever follows the end", () => {
    expect(read(tarEntry({ name: "a" }))).toHaveLength(1);
    expect(read(Buffer.concat([tar({ name: "a" }), Buffer.from("garbage".repeat(200))]))).toHaveLength(1);
    expect(read(Buffer.alloc(0))).toEqual([]);
  });

  test("entries after a lone block of zeros", () => {
    const archive = Buffer.concat([Buffer.alloc(512), tarEntry({ name: "hidden" })]);
    expect(() => read(archive)).toThrow(corrupt(/after a block of zeros/));
  });

  test("a bad checksum", () => {
    const archive = tar({ name: "a" });
    archive[0] = 0x62;
    expect(() => read(archive)).toThrow(corrupt(/checksum/));
  });

  test("something that is no tar", () => {
    expect(() => read(Buffer.from("<html>".repeat(200)))).toThrow(corrupt(/not a tar archive/));
  });

  test("an unknown type, a negative size, an oversized extension header", () => {
    expect(() => first({ name: "a", type: "Z" })).toThrow(corrupt(/unknown type "Z"/));
    expect(() => first({ name: "a", patch: (header) => header.fill(0xff, 124, 136) })).toThrow(
      corrupt(/negative/),
    );
    expect(() => first({ name: "a", type: "x", size: 2 ** 21 })).toThrow(corrupt(/1 MiB/));
  });
});

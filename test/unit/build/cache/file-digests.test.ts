/** What is remembered of a context's files, and what no memory may hide. */
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFileDigests } from "../../../../src/build/cache/file-digests.ts";
import { setXattr } from "../../../../src/kernel/xattr.ts";

let base: string;
let context: string;
let file: string;
const digestOf = (text: string) => createHash("sha256").update(text).digest("hex");
const paths = () => ({ root: join(base, "root"), run: join(base, "run") });

/** One build, so long after now that the files are not young. */
function build(path = file, { later = 10_000 } = {}): string {
  const digests = openFileDigests(paths(), context, { now: Date.now() + later });
  const { digest } = digests.content(path, lstatSync(path, { bigint: true }));
  digests.save();
  return digest;
}

const documents = (): string[] => {
  const folder = join(base, "root/build/contexts");
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
};

const remembered = (): Record<string, unknown> =>
  Object.assign(
    {},
    ...documents().map((path) => (JSON.parse(readFileSync(path, "utf8")) as { files: object }).files),
  ) as Record<string, unknown>;

/** Puts something else in the place of all that is remembered: what comes back was not read. */
function forge(digest: string): void {
  for (const path of documents()) {
    const { version, files } = JSON.parse(readFileSync(path, "utf8")) as { version: 2; files: object };
    const forged = Object.fromEntries(Object.keys(files).map((key) => [key, digest]));
    writeFileSync(path, JSON.stringify({ version, files: forged }));
  }
}

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tsrun-digests-"));
  context = join(base, "context");
  mkdirSync(context);
  mkdirSync(join(base, "root"));
  file = join(context, "file");
  writeFileSync(file, "first\n");
});
afterEach(() => rmSync(base, { recursive: true }));

test("a file is read once, large or small", () => {
  const large = join(context, "large");
  writeFileSync(large, "x".repeat(300_000));
  expect(build()).toBe(digestOf("first\n"));
  expect(build(large)).toBe(digestOf("x".repeat(300_000)));
  expect(Object.keys(remembered())).toHaveLength(2);
  forge("forged");
  expect([build(), build(large)]).toEqual(["forged", "forged"]);
});

describe("another content is found", () => {
  test("of the same size, with its time set back", () => {
    const { atime, mtime } = statSync(file);
    utimesSync(file, atime, mtime);
    expect(build()).toBe(digestOf("first\n"));
    writeFileSync(file, "other\n");
    utimesSync(file, atime, mtime);
    expect(statSync(file).mtime).toEqual(mtime);
    expect(build()).toBe(digestOf("other\n"));
  });

  test("of another file of the same size and times by the same name", () => {
    const { atime, mtime } = statSync(file);
    build();
    const other = join(context, "other");
    writeFileSync(other, "other\n");
    utimesSync(other, atime, mtime);
    renameSync(other, file);
    expect(build()).toBe(digestOf("other\n"));
  });

  test("within the tick of the clock in which the file was read: what is that young is not remembered", () => {
    expect(build(file, { later: 0 })).toBe(digestOf("first\n"));
    expect(remembered()).toEqual({});
  });

  test("whatever time the file has", () => {
    const ahead = new Date(Date.now() + 3_600_000);
    utimesSync(file, ahead, ahead);
    build();
    expect(remembered()).toEqual({});
  });

  test("where it came between stat(2) and read(2)", () => {
    const stat = lstatSync(file, { bigint: true });
    writeFileSync(file, "longer than before\n");
    const digests = openFileDigests(paths(), context, { now: Date.now() + 10_000 });
    expect(digests.content(file, stat).digest).toBe(digestOf("longer than before\n"));
    digests.save();
    expect(remembered()).toEqual({});
  });
});

test("attributes are remembered too, and a new one is found", () => {
  const content = () => {
    const digests = openFileDigests(paths(), context, { now: Date.now() + 10_000 });
    const found = digests.content(file, lstatSync(file, { bigint: true }));
    digests.save();
    return found;
  };
  expect(content().xattrs).toEqual([]);
  setXattr(file, "user.tsrun", Buffer.from([0xff, 0x41]));
  const expected = { digest: digestOf("first\n"), xattrs: [["user.tsrun", "\xffA"]] };
  expect(content()).toEqual(expected);
  expect(Object.values(remembered())).toContainEqual(expected);
  expect(content()).toEqual(expected);
});

test("nothing is remembered of a filesystem that is not this host's own", () => {
  const foreign = "/proc/sys/kernel/ostype";
  const text = readFileSync(foreign, "utf8");
  expect(build(foreign, { later: 3_600_000 })).toBe(digestOf(text));
  expect(remembered()).toEqual({});
});

test("a document that is damaged, or of another version, is none", () => {
  build();
  const [document = ""] = documents();
  for (const text of ["{", '{"version":1,"files":{}}', '{"version":3}']) {
    writeFileSync(document, text);
    expect(build()).toBe(digestOf("first\n"));
    expect(Object.values(remembered())).toEqual([digestOf("first\n")]);
  }
});

test("what was seen long ago is forgotten when it has become the most of it", () => {
  build();
  const [document = ""] = documents();
  const old = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`old${index}`, "digest"]));
  writeFileSync(document, JSON.stringify({ version: 2, files: old }));
  expect(build()).toBe(digestOf("first\n"));
  expect(Object.keys(remembered())).toHaveLength(1);
});

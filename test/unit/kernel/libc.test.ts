/** src/kernel/libc.ts and native/lib/libc.c: what a call fails with, and that both mean the same functions. */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const checkout = join(import.meta.dirname, "../../..");
const FFI = "../../../src/kernel/ffi.ts";
/** No call below fails with it. */
const EXDEV = 18;

describe("where errno is another before JavaScript goes on", () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tsrun-libc-"));
    file = join(directory, "file");
    writeFileSync(file, "");
    vi.resetModules();
    vi.doMock(FFI, async (original) => {
      const { declare, ffi, ...rest } = await original<typeof import("../../../src/kernel/ffi.ts")>();
      return {
        ...rest,
        ffi,
        declare: (...declaration: Parameters<typeof declare>) => {
          const call = declare(...declaration);
          return (...args: unknown[]) => {
            const result = call(...args);
            ffi().errno(EXDEV);
            return result;
          };
        },
      };
    });
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
    vi.doUnmock(FFI);
    vi.resetModules();
  });

  test("a lock that is held is told from one that cannot be asked for", async () => {
    const { flock } = await import("../../../src/kernel/lock.ts");
    const [first, second] = [openSync(file, "r"), openSync(file, "r")];
    expect(flock(first)).toBe(true);
    expect(flock(second)).toBe(false);
    closeSync(first);
    expect(flock(second)).toBe(true);
    closeSync(second);
    expect(() => flock(-1)).toThrow("flock: EBADF");
  });

  test("an attribute that is absent is told from a file that is", async () => {
    const { getXattr } = await import("../../../src/kernel/xattr.ts");
    expect(getXattr(file, "user.absent")).toBeUndefined();
    expect(() => getXattr(`${file}s`, "user.absent")).toThrow(/^lgetxattr .*: ENOENT$/);
  });

  test("system calls without a function, and those of libuv's threads", async () => {
    const { openBeneath } = await import("../../../src/kernel/openat2.ts");
    const { pidfdOpen } = await import("../../../src/kernel/process.ts");
    const { syncfs } = await import("../../../src/kernel/files.ts");
    const parent = openSync(directory, "r");
    expect(() => openBeneath(parent, "file/x")).toThrow("openat2 file/x: ENOTDIR");
    closeSync(parent);
    expect(() => pidfdOpen(2 ** 31 - 1)).toThrow("pidfd_open: ESRCH");
    await expect(syncfs(-1)).rejects.toThrow("syncfs: EBADF");
  });
});

test("a call that a signal interrupts is made again", async () => {
  const { check, ERRNO } = await import("../../../src/kernel/errors.ts");
  const results = [-(ERRNO.EINTR ?? 0), -(ERRNO.EINTR ?? 0), 7];
  expect(check("read", () => results.shift() ?? 0)).toBe(7);
});

describe("prototypes", () => {
  const WIDTHS: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
      ["int", "unsigned", "unsigned int", "clockid_t", "mode_t", "pid_t", "socklen_t", "uint32_t"].map(
        (type) => [type, "32"],
      ),
    ),
    ...Object.fromEntries(
      ["dev_t", "int64_t", "long", "off_t", "size_t", "ssize_t", "uint64_t", "unsigned long"].map((type) => [
        type,
        "64",
      ]),
    ),
  };
  const width = (type: string): string | undefined => (type.includes("*") ? "pointer" : WIDTHS[type]);
  /** The widths of a parameter list, "int fd, const void *value". */
  const widths = (parameters: string): (string | undefined)[] =>
    parameters.split(",").map((each) => width(each.trim().replace(/\w+$/, "").trim()));
  const shape = (result: string, parameters: string): string =>
    [width(result), ...widths(parameters)].map((each) => each ?? "unknown").join(" ");

  /** By name, what the functions of native/lib/libc.c take and return. */
  const defined = new Map(
    [
      ...readFileSync(join(checkout, "native/lib/libc.c"), "utf8").matchAll(
        /^(?:FUNCTION\((\w+), |SYSTEM_CALL\()(\w+), \(([^)]*)\)/gm,
      ),
    ].map(([, result = "long", name = "", parameters = ""]) => [name, shape(result, parameters)]),
  );
  const sources = readdirSync(join(checkout, "src/kernel")).map((file) =>
    readFileSync(join(checkout, "src/kernel", file), "utf8"),
  );
  const declared = sources.flatMap((source) =>
    [...source.matchAll(/\blibc(?:Async)?\(\s*"(\w+) (\w+)\(([^)]*)\)"/g)].map(
      ([, result = "", name = "", parameters = ""]): [string, string] => [name, shape(result, parameters)],
    ),
  );

  test.each(declared)("%s is in C what TypeScript takes it for", (name, shape) => {
    expect(shape).not.toContain("unknown");
    expect(defined.get(name)).toBe(shape);
  });

  test("and C has none that TypeScript does not use", () => {
    expect([...defined.keys()].sort()).toEqual([...new Set(declared.map(([name]) => name))].sort());
  });

  test("no other way leads to errno", () => {
    expect(sources.filter((source) => /\berrno\(\)/.test(source))).toEqual([]);
  });
});

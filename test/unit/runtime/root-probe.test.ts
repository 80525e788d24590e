import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRootProbe, type RootProbe } from "../../../src/runtime/root-probe.ts";

describe("openRootProbe", () => {
  let root: string;
  let probe: RootProbe & Disposable;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "tsrun-probe-"));
    mkdirSync(join(root, "bin"));
    writeFileSync(join(root, "bin/tool"), "0123456789", { mode: 0o750 });
    symlinkSync("/bin/tool", join(root, "absolute"));
    symlinkSync("../../../../../../etc/passwd", join(root, "escape"));
    symlinkSync("/proc/self/root/etc/passwd", join(root, "magic"));
    symlinkSync("loop", join(root, "loop"));
    execFileSync("mkfifo", [join(root, "fifo")]);
    probe = openRootProbe(root);
  });
  afterAll(() => {
    probe[Symbol.dispose]();
    rmSync(root, { recursive: true });
  });

  test("facts of a file, also through a link that is absolute inside the root", () => {
    const facts = { kind: "file", mode: 0o750, size: 10 };
    expect(probe.stat("/bin/tool")).toMatchObject(facts);
    expect(probe.stat("/absolute")).toMatchObject(facts);
    expect(probe.stat("/../../bin/tool")).toMatchObject(facts);
    expect(probe.stat("/bin")).toMatchObject({ kind: "directory" });
    expect(probe.stat("/fifo")).toMatchObject({ kind: "other" });
  });

  test("ranges of a file", () => {
    expect(probe.read("/bin/tool", 4)?.toString()).toBe("0123");
    expect(probe.read("/bin/tool", 100, 8)?.toString()).toBe("89");
    expect(probe.read("/bin/tool", 4, 10)?.length).toBe(0);
  });

  test("no link leads out of the root", () => {
    for (const path of ["/escape", "/magic", "/loop", "/missing", "/bin/tool/x"]) {
      expect(probe.stat(path), path).toBeUndefined();
      expect(probe.read(path, 10), path).toBeUndefined();
    }
  });

  test("reading what is no file gives nothing and does not block", () => {
    expect(probe.read("/fifo", 10)).toBeUndefined();
    expect(probe.read("/bin", 10)).toBeUndefined();
  });

  test("knows which mounts refuse execution, as mountinfo has it", () => {
    using host = openRootProbe("/");
    // Of mounts on one point only the last shows; points with escaped or unreachable names are left to others.
    const mounts = new Map(
      readFileSync("/proc/self/mountinfo", "utf8")
        .trim()
        .split("\n")
        .map((line) => [line.split(" ")[4] ?? "", (line.split(" ")[5] ?? "").split(",").includes("noexec")]),
    );
    for (const point of ["/", "/proc", "/sys", "/dev", "/dev/shm"]) {
      if (mounts.has(point)) expect(host.stat(point)?.noexec, point).toBe(mounts.get(point));
    }
  });
});

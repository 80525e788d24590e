import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lock, tryLock } from "../../../src/store/locks.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "locks-"));
  path = join(folder, "deep", "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Another process that inherits descriptor `fd` as its own 3. */
function heir(fd: number): ChildProcess {
  return spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
    stdio: ["ignore", "ignore", "ignore", fd],
  });
}

describe("tryLock", () => {
  test("excludes, until it is released", () => {
    const first = tryLock(path);
    expect(first).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    expect(tryLock(path, { shared: true })).toBeUndefined();
    first?.release();
    first?.release();
    using second = tryLock(path);
    expect(second).toBeDefined();
  });

  test("shared locks exclude exclusive ones only", () => {
    using a = tryLock(path, { shared: true });
    using b = tryLock(path, { shared: true });
    expect(a && b).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
  });

  test("a lock file that was removed counts no more", () => {
    using old = tryLock(path);
    expect(old).toBeDefined();
    unlinkSync(path);
    using fresh = tryLock(path);
    expect(fresh).toBeDefined();
    expect(existsSync(path)).toBe(true);
  });

  test("a process that inherited the descriptor keeps the lock, until it dies", async () => {
    const held = tryLock(path);
    const child = heir(held?.fd as number);
    await once(child, "spawn");
    held?.release();
    expect(tryLock(path)).toBeUndefined();
    child.kill("SIGKILL");
    await once(child, "exit");
    using after = tryLock(path);
    expect(after).toBeDefined();
  });
});

describe("the lock of a directory", () => {
  test("excludes like any other, and makes no file", () => {
    {
      using held = tryLock(folder, { directory: true });
      expect(held).toBeDefined();
      expect(tryLock(folder, { directory: true })).toBeUndefined();
    }
    using again = tryLock(folder, { directory: true });
    expect(again).toBeDefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is not there without the directory", async () => {
    await expect(lock(join(folder, "gone"), { directory: true })).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(join(folder, "gone"))).toBe(false);
  });
});

describe("lock", () => {
  test("waits for the holder", async () => {
    const held = await lock(path);
    setTimeout(() => held.release(), 30);
    const started = performance.now();
    using _ = await lock(path, { timeoutMs: 5000 });
    expect(performance.now() - started).toBeGreaterThan(25);
  });

  test("gives up after its time", async () => {
    using _ = await lock(path);
    await expect(lock(path, { timeoutMs: 20 })).rejects.toMatchObject({
      code: "ERR_TSRUN_LOCK_TIMEOUT",
      message: expect.stringContaining(path),
    });
  });

  test("ends with the reason of the signal", async () => {
    using _ = await lock(path);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(lock(path, { signal: controller.signal })).rejects.toThrow("enough");
  });
});

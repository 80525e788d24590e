/** Limits of an ordinary user by delegation, seen in a virtual machine with cgroup v2: rootless.sh runs there and tells. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "../../support/cli.ts";

const seen = new Map<string, string>();

beforeAll(async () => {
  const [program, ...job] = ["scripts/vm", "scripts/test-host", "test/e2e/vm/rootless.sh"].map((path) =>
    join(REPOSITORY, path),
  );
  const { stdout, stderr } = await promisify(execFile)(program as string, job, { cwd: REPOSITORY });
  for (const line of stdout.split("\n")) {
    const [, name, value] = /^(.+?): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) seen.set(name, value ?? "");
  }
  process.stderr.write(stderr);
});

test("limits are in the files of a cgroup below what is delegated", () => {
  expect(seen.get("memory.max")).toBe("67108864");
  expect(seen.get("cpu.max")).toBe("50000 100000");
  expect(seen.get("pids.max")).toBe("30");
  expect(seen.get("updated")).toBe("100663296");
});

test("the container sees its cgroup as the root", () => {
  expect(seen.get("cgroup seen inside")).toBe("0::/");
  expect(seen.get("limit seen inside")).toBe("67108864");
});

test("pause, stats and the end", () => {
  expect(seen.get("paused")).toBe("paused 1");
  expect(seen.get("stats")).toMatch(/^1 .*\/ 64MiB$/);
  expect(seen.get("cgroup after rm")).toBe("gone");
});

test("what takes more memory than its limit is killed, and that is said", () => {
  expect(seen.get("hog exits with")).toBe("137");
  expect(seen.get("hog was killed")).toBe("true");
});

test("the doctor knows what is delegated; from a cgroup of somebody else's a limit is refused", () => {
  expect(seen.get("doctor")).toContain("ok");
  expect(seen.get("elsewhere")).toContain("this host has delegated none to you");
});

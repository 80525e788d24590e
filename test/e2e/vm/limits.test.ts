/** What a pure cgroup v2 host does with limits, seen in a virtual machine: limits.sh runs there and tells. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "../../support/cli.ts";

const seen = new Map<string, string>();

beforeAll(async () => {
  const job = [join(REPOSITORY, "scripts/vm"), join(REPOSITORY, "test/e2e/vm/limits.sh")] as const;
  const { stdout, stderr } = await promisify(execFile)(job[0], [job[1]], { cwd: REPOSITORY });
  for (const line of stdout.split("\n")) {
    const [, name, value] = /^(.+?): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) seen.set(name, value ?? "");
  }
  process.stderr.write(stderr);
});

test("the machine has cgroup v2 and nothing else", () => {
  expect(seen.get("filesystem")).toBe("cgroup2fs");
});

test("limits are in the files that the kernel reads", () => {
  expect(seen.get("memory.max")).toBe("67108864");
  // Docker's default: as much swap as memory.
  expect(seen.get("memory.swap.max")).toBe("67108864");
  expect(seen.get("cpu.max")).toBe("50000 100000");
  expect(seen.get("pids.max")).toBe("30");
});

test("the process is in its cgroup from the start, and sees it as the root", () => {
  expect(seen.get("cloned into it")).toBe("CLONE_INTO_CGROUP");
  expect(seen.get("cgroup of the process")).toBe("0::/tsrun/ID");
  expect(seen.get("cgroup seen inside")).toBe("0::/");
  expect(seen.get("limit seen inside")).toBe("67108864");
  expect(Number(seen.get("exec is in it"))).toBeGreaterThanOrEqual(2);
});

test("--pids-limit stops a fork bomb", () => {
  expect(seen.get("fork bomb")).toBe("can't fork");
  expect(Number(seen.get("processes at most"))).toBeLessThanOrEqual(30);
});

test("stats come from its files", () => {
  const [, name, share, used, limit, pids] =
    /^(\S+) ([\d.]+)% ([\d.]+[KM]iB) \/ (\S+) (\d+)$/.exec(seen.get("stats") ?? "") ?? [];
  expect({ name, limit, pids }).toEqual({ name: "busy", limit: "64MiB", pids: "1" });
  // Half a processor is what it may have, and what a loop takes of it where the machine has time.
  expect(Number(share)).toBeGreaterThan(5);
  expect(Number(share)).toBeLessThan(80);
  expect(used).not.toBe("0B");
  expect(seen.get("stats of the ended")).toBe("0B / 0B 0");
});

test("what takes more memory than its limit is killed, and that is said", () => {
  expect(seen.get("hog exits with")).toBe("137");
  expect(seen.get("hog was killed")).toBe("true 137");
  expect(seen.get("hog says")).toBe("out of memory");
});

test("a container may not open a block device whose node it made", () => {
  expect(seen.get("device node")).toContain("Operation not permitted");
  expect(seen.get("privileged device node")).not.toContain("Operation not permitted");
  expect(seen.get("null device")).toBe("written");
});

test("stop, kill and rm -f leave nothing", () => {
  expect(seen.get("stopped")).toBe("exited 137 false");
  expect(seen.get("cgroup after stop")).toBe("gone");
  expect(seen.get("killed")).toBe("137");
  expect(seen.get("rm -f")).toBe("removed hog killed limited ");
  for (const what of ["containers left", "cgroups left", "monitors left"])
    expect(seen.get(what), what).toBe("");
});

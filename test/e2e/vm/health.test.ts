/** Health checks on a pure cgroup v2 host, seen in a virtual machine: health.sh runs there and tells. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "../../support/cli.ts";

const seen = new Map<string, string>();

beforeAll(async () => {
  const job = [join(REPOSITORY, "scripts/vm"), join(REPOSITORY, "test/e2e/vm/health.sh")] as const;
  const { stdout, stderr } = await promisify(execFile)(job[0], [job[1]], { cwd: REPOSITORY });
  for (const line of stdout.split("\n")) {
    const [, name, value] = /^(.+?): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) seen.set(name, value ?? "");
  }
  process.stderr.write(stderr);
});

test("a probe is born in the container's cgroup", () => {
  expect(seen.get("status")).toBe("(healthy)");
  expect(seen.get("cgroup seen inside")).toBe("0::/");
  expect(seen.get("a probe")).toBe("is in the container's cgroup");
});

test("a frozen container is not probed, a thawed one is", () => {
  expect(seen.get("probes while frozen")).toBe("0");
  expect(seen.get("thawed")).toBe("probed");
});

test("nothing of it is left", () => {
  expect(seen.get("removed")).toBe("probed slow ");
  expect(seen.get("cgroups left")).toBe("");
  expect(seen.get("monitors left")).toBe("");
});

/** tsrun-oci under podman, docker and containerd on pure cgroup v2, in a virtual machine: engines.sh runs there and tells. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "vitest";
import { documented } from "../e2e/support/engine-docs.ts";
import { writeImage } from "../e2e/support/engine-image.ts";
import { REPOSITORY } from "../support/cli.ts";

/** Without hardware's help, on a machine that has other things to do as well. */
const PATIENCE_S = 1500;

const seen = new Map<string, string>();

beforeAll(
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "tsrun-engines-"));
    try {
      writeImage(directory);
      writeFileSync(join(directory, "containers.conf"), documented("Podman"));
      const daemon = JSON.parse(documented("Docker"));
      const apart = { "data-root": "/var/lib/tsrun-test/docker", "storage-driver": "overlay2" };
      const without = { bridge: "none", iptables: false };
      writeFileSync(
        join(directory, "daemon.json"),
        JSON.stringify({ ...daemon, "default-runtime": "tsrun", ...apart, ...without }),
      );
      const job = [join(REPOSITORY, "test/vm/engines.sh"), directory];
      const vm = spawn(join(REPOSITORY, "scripts/vm"), job, {
        cwd: REPOSITORY,
        env: { ...process.env, TSRUN_VM_TIMEOUT: String(PATIENCE_S) },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [stdout, [code]] = await Promise.all([text(vm.stdout), once(vm, "exit")]);
      if (code !== 0) throw new Error(`scripts/vm ended with ${code} after:\n${stdout}`);
      for (const line of stdout.split("\n")) {
        const [, name, value] = /^(.+?): ?(.*)$/.exec(line) ?? [];
        if (name !== undefined) seen.set(name, (value ?? "").replaceAll(/\s+/g, " ").trim());
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  (PATIENCE_S + 60) * 1000,
);

describe.each(["podman", "docker"])("under %s", (engine) => {
  const told = (name: string): string | undefined => seen.get(`${engine} ${name}`);

  test("output, exit codes, a terminal", () => {
    expect(told("run")).toBe("out (7)");
    expect(told("missing")).toMatch(/executable file not found.*\(127\)$/);
    expect(told("terminal")).toMatch(/\/dev\/(pts\/0|console) \(0\)$/);
    expect(told("exec")).toBe("app /tmp b (5)");
  });

  test("limits, their update, what is used, and memory that runs out", () => {
    expect(told("limits")).toBe("67108864 40 50000 100000 (0)");
    expect(told("updated")).toBe("33554432 (0)");
    // Podman tells the limit that the container was made with.
    expect(told("stats")).toMatch(/^[\d.]+ ?[kKM]i?B \/ (32MiB|67\.11MB) \(0\)$/);
    expect(told("hungry")).toBe("Killed (137)");
    if (engine === "docker") expect(told("killed")).toBe("true (0)");
  });

  test("pause freezes, stop asks", () => {
    expect(told("paused")).toBe("paused (0)");
    expect(told("frozen")).toBe("1 (0)");
    expect(told("stopped")).toBe("3 (0)");
  });

  test("nothing is left", () => {
    expect({ groups: told("left"), state: told("state left") }).toEqual({ groups: "", state: "" });
  });
});

test("under containerd", () => {
  const told = (name: string): string | undefined => seen.get(`containerd ${name}`);
  expect(told("run")).toBe("out (7)");
  expect(told("missing")).toMatch(/executable file not found.*\(1\)$/);
  expect(told("terminal")).toMatch(/\/dev\/(pts\/0|console) \(0\)$/);
  expect(told("limits")).toBe("67108864 50000 100000");
  expect(told("exec")).toBe("app /tmp (5)");
  expect(told("frozen")).toBe("1");
  expect(told("metrics")).toBe("pids.current memory.usage_limit");
  expect(told("stopped")).toMatch(/non-zero exit code 3/);
  expect(told("left")).toBe("");
});

test("no process is left", () => {
  expect(seen.get("processes left")).toBe("");
});

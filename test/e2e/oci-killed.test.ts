/** kill -9 of the runtime at any moment: what is left is told by `state` and cleaned by `delete --force`. */
import { spawn } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOci, type Oci, TSRUN_OCI } from "../support/oci.ts";

const ROUNDS = 4;
const TIMEOUT_MS = 55_000;

let it: Oci;
let bundle: string;
/** Of an ordinary user there is none. */
let cgroup: string | undefined;
/** How long an undisturbed create takes. */
let usual: number;

beforeAll(() => {
  it = createOci();
  bundle = it.bundle("killed", (config) => {
    cgroup = config.linux.cgroupsPath;
  });
  const begin = performance.now();
  expect(it.oci("create", "-b", bundle, "first").code).toBe(0);
  usual = performance.now() - begin;
  expect(it.oci("delete", "-f", "first").code).toBe(0);
});
afterAll(() => it.close());

/** Runs the command and kills it, or with `whom` its executor, after so many milliseconds. */
async function killed(after: number, words: string[], whom: "runtime" | "executor" = "runtime") {
  const child = spawn(TSRUN_OCI, ["--root", it.root, ...words], { stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await sleep(after);
  const pid = child.pid as number;
  if (whom === "runtime") child.kill("SIGKILL");
  else for (const each of childrenOf(pid)) process.kill(each, "SIGKILL");
  return await ended;
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Processes that see the bundle's root as a mount, and those in its cgroup, which are what could outlive the runtime. */
function processes(): string[] {
  const mount = join(basename(it.directory), basename(bundle), "rootfs ");
  const isLeft = (pid: string): boolean => {
    const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
    return read("mountinfo").includes(mount) || (cgroup !== undefined && read("cgroup").includes(cgroup));
  };
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && isLeft(pid);
    } catch {
      return false;
    }
  });
}

const cgroups = (): string[] =>
  cgroup === undefined ? [] : globSync(`/sys/fs/cgroup/{*/,}${cgroup.slice(1)}`);

/** Whatever it is, it can be told and deleted; then there is nothing. */
async function expectCleaned(id: string): Promise<void> {
  const state = it.oci("state", id);
  if (existsSync(`${it.root}/${id}`)) expect(state).toMatchObject({ code: 0, stderr: "" });
  expect(it.oci("delete", "--force", id)).toMatchObject({ code: 0, stderr: "" });
  expect(readdirSync(it.root)).toEqual([]);
  await expect.poll(processes).toEqual([]);
  expect(cgroups()).toEqual([]);
}

/** Instants over the whole of a command's time, a different one each round. */
const instants = (): number[] =>
  Array.from({ length: ROUNDS }, (_, round) => ((round + Math.random()) / ROUNDS) * usual * 1.1);

describe("kill -9", () => {
  test("of create", { timeout: TIMEOUT_MS }, async () => {
    for (const instant of instants()) {
      await killed(instant, ["create", "-b", bundle, "victim"]);
      await expectCleaned("victim");
    }
  });

  test("of start", { timeout: TIMEOUT_MS }, async () => {
    for (const instant of instants()) {
      expect(it.oci("create", "-b", bundle, "victim").code).toBe(0);
      await killed(instant, ["start", "victim"]);
      expect(["created", "running"]).toContain(it.state("victim").status);
      await expectCleaned("victim");
    }
  });

  test("of delete", { timeout: TIMEOUT_MS }, async () => {
    for (const instant of instants()) {
      expect(it.oci("create", "-b", bundle, "victim").code).toBe(0);
      await killed(instant, ["delete", "--force", "victim"]);
      await expectCleaned("victim");
    }
  });

  test("of what create has started", { timeout: TIMEOUT_MS }, async () => {
    for (const instant of instants()) {
      const code = await killed(instant, ["create", "-b", bundle, "victim"], "executor");
      if (code !== 0) {
        expect({ code, left: readdirSync(it.root) }).toEqual({ code: 1, left: [] });
      }
      await expectCleaned("victim");
    }
  });
});

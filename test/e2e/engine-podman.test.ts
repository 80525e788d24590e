/** tsrun-oci as the runtime of Debian's podman, configured as docs/engines.md says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TSRUN_OCI } from "../support/oci.ts";
import { assertTestHost } from "../support/test-host.ts";
import { documented } from "./support/engine-docs.ts";
import { IMAGE, writeImage } from "./support/engine-image.ts";
import { commandsOf, type Engine, leftUnder, lifeUnder, limitsOf, NOTHING } from "./support/engine-life.ts";
import { removeGroups, startMachine } from "./support/machine.ts";

let podman: Engine;
/** Control groups that podman itself makes and does not remove: of its monitors, and of a pod where no controller is. */
const kept = ["conmon"];
const use = (): Engine => podman;
const { ok, remove, run } = commandsOf(use);
let directory: string;

/** Podman raises the limits as root, which fails where root has no CAP_SYS_RESOURCE. */
const LIMITS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n';

beforeAll(async () => {
  assertTestHost();
  directory = mkdtempSync(join(tmpdir(), "tsrun-podman-"));
  const machine = await startMachine("podman", directory);
  const path = (name: string): string => join(directory, name);
  writeFileSync(path("containers.conf"), `${documented("Podman")}\n${LIMITS}`);
  const storage = ["--root", path("podman"), "--runroot", path("podman-run"), "--storage-driver", "overlay"];
  storage.push("--events-backend", "file");
  const program = ["env", `CONTAINERS_CONF=${path("containers.conf")}`, "podman", ...storage];
  podman = {
    machine,
    program: [...program, "--tmpdir", path("podman-tmp")],
    group: `tsrun-podman-${process.pid}`,
    // That is conmon's, which hears of it on some hosts and not on others, with any runtime.
    tellsOom: false,
    state: "/run/tsrun/oci",
  };
  await ok("load", "-q", "-i", writeImage(directory));
});

afterAll(async () => {
  const left = await leftUnder(use, { kept });
  const programs = await podman.machine.programs();
  await podman.machine.stop();
  await removeGroups(podman.group);
  rmSync(directory, { recursive: true });
  expect({ ...left, programs }).toEqual({ ...NOTHING, programs: [] });
});

test("the runtime is tsrun-oci", async () => {
  expect(await ok("info", "-f", "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}")).toBe(
    `tsrun ${TSRUN_OCI}`,
  );
});

lifeUnder(use);

test("update changes the limits of a container that runs", async () => {
  await run(["-d", "--name", "changed", "-m", "64m"], "sleep", "60");
  await ok("update", "-m", "32m", "--cpus", "0.25", "changed");
  expect((await ok("exec", "changed", "sh", "-c", limitsOf())).split("\n")).toMatchObject({
    0: "33554432",
    2: "25000",
  });
  await remove("changed");
});

describe("a pod", () => {
  test("shares network and names among its containers, not their processes, and ends as one", async () => {
    const infra = ["--infra-image", IMAGE, "--infra-command", "sleep infinity"];
    const pod = await ok(
      "pod",
      "create",
      "--name",
      "duo",
      "--network",
      "none",
      "--cgroup-parent",
      `/${podman.group}`,
      ...infra,
    );
    kept.push(pod);
    await run(["-d", "--pod", "duo", "--name", "server"], "httpd", "-f", "-h", "/www");
    const script = "wget -qO- http://127.0.0.1/; hostname; ps | grep -c [h]ttpd";
    expect(await run(["--rm", "--pod", "duo"], "sh", "-c", script)).toMatchObject({
      stdout: "it works\nduo\n0\n",
    });
    await ok("pod", "stop", "-t", "1", "duo");
    expect(await ok("pod", "inspect", "-f", "{{.State}}", "duo")).toBe("Exited");
    await ok("pod", "rm", "-f", "duo");
  });
});

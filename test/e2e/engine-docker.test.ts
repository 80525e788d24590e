/** tsrun-oci as a runtime of Debian's dockerd, configured as docs/engines.md says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TSRUN_OCI } from "../support/oci.ts";
import { assertTestHost } from "../support/test-host.ts";
import { documented } from "./support/engine-docs.ts";
import { writeImage } from "./support/engine-image.ts";
import { commandsOf, type Engine, leftUnder, lifeUnder, limitsOf, NOTHING } from "./support/engine-life.ts";
import { removeGroups, startMachine } from "./support/machine.ts";

let docker: Engine;
const use = (): Engine => docker;
const { ok, remove, run } = commandsOf(use);
let directory: string;

beforeAll(async () => {
  assertTestHost();
  directory = mkdtempSync(join(tmpdir(), "tsrun-docker-"));
  const machine = await startMachine("docker", directory);
  const group = `tsrun-docker-${process.pid}`;
  const configuration = join(directory, "daemon.json");
  writeFileSync(
    configuration,
    JSON.stringify({
      ...JSON.parse(documented("Docker")),
      "data-root": join(directory, "docker"),
      "storage-driver": "overlay2",
      "cgroup-parent": `/${group}`,
      // Lowering the score needs CAP_SYS_RESOURCE, which not every root has.
      "oom-score-adjust": 0,
    }),
  );
  // Debian's by full name: a newer client may come first on PATH.
  const client = "/usr/bin/docker";
  docker = { machine, program: [client], group, flags: ["--runtime", "tsrun"], tellsOom: true, state: STATE };
  await machine.daemon(["dockerd", "--config-file", configuration], [client, "version"]);
  await ok("load", "-q", "-i", writeImage(directory));
});

/** Docker gives each of its namespaces of containerd a folder. */
const STATE = "/run/docker/runtime-runc/moby";

afterAll(async () => {
  const left = await leftUnder(use);
  const programs = await docker.machine.programs();
  await docker.machine.stop();
  await removeGroups(docker.group);
  rmSync(directory, { recursive: true });
  expect({ ...left, programs }).toEqual({ ...NOTHING, programs: ["containerd", "dockerd"] });
});

test("the runtime is known, and asked for", async () => {
  expect(await ok("info", "-f", '{{(index .Runtimes "tsrun").Path}}')).toBe(TSRUN_OCI);
  await run(["-d", "--name", "asked"], "sleep", "60");
  expect(await ok("inspect", "-f", "{{.HostConfig.Runtime}}", "asked")).toBe("tsrun");
  expect(await docker.machine.sh(`ls ${STATE}`)).toBe(await ok("inspect", "-f", "{{.Id}}", "asked"));
  await remove("asked");
});

lifeUnder(use);

test("update changes the limits of a container that runs", async () => {
  await run(["-d", "--name", "changed", "-m", "64m", "--pids-limit", "40"], "sleep", "60");
  const limits = ["-m", "32m", "--memory-swap", "32m", "--cpus", "0.25", "--pids-limit", "20"];
  await ok("update", ...limits, "changed");
  expect(await ok("exec", "changed", "sh", "-c", limitsOf())).toBe("33554432\n20\n25000");
  await remove("changed");
});

test("containers of a network find each other, and share namespaces when asked", async () => {
  await ok("network", "create", "front");
  await run(["-d", "--name", "server", "--network", "front", "--init"], "httpd", "-f", "-h", "/www");
  const ask = ["wget", "-qO-", "http://server/"];
  expect(await run(["--rm", "--network", "front"], ...ask)).toMatchObject({ stdout: "it works\n" });
  const beside = ["--rm", "--network", "container:server", "--pid", "container:server"];
  const { stdout } = await run(beside, "sh", "-c", "wget -qO- http://127.0.0.1/; ps -o comm | grep httpd");
  expect(stdout).toBe("it works\nhttpd\n");
  await remove("server");
  await ok("network", "rm", "front");
});

test("--privileged, and the host's namespaces", async () => {
  const { stdout } = await run(
    ["--rm", "--privileged"],
    "sh",
    "-c",
    "ls -d /dev/kmsg; mkdir /m; mount -t tmpfs t /m && echo mounted",
  );
  expect(stdout).toBe("/dev/kmsg\nmounted\n");
  const host = ["--rm", "--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"];
  expect(await run(host, "sh", "-c", "hostname; ps -o comm | grep -x dockerd")).toMatchObject({
    stdout: "docker\ndockerd\n",
  });
});

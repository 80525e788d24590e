/**
 * A Docker Swarm of three machines whose dockerds have tsrun-oci as their only way to run anything. Services are found by
 * DNS alone (`--endpoint-mode dnsrr`) and published on their nodes (`mode=host`): virtual addresses and the mesh of
 * ingress ports are the kernel's IPVS, which not every kernel has and no OCI runtime sees.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertTestHost } from "../support/test-host.ts";
import { documented } from "./support/engine-docs.ts";
import { IMAGE, writeImage } from "./support/engine-image.ts";
import { groupsBelow, type Machine, removeGroups, startMachine } from "./support/machine.ts";

const DOCKER = "/usr/bin/docker";

/** Where tsrun-oci keeps what it knows of a node's containers. */
const STATE = "/run/docker/runtime-runc/moby";
const NUMBERS = [1, 2, 3] as const;
/** How long a swarm may take to notice and to mend. */
const SETTLED = { timeout: 60_000, interval: 500 };

/** Of every service: no registry is asked, and nobody waits for a server that ignores SIGTERM. */
const QUIET = ["-d", "--no-resolve-image", "--endpoint-mode", "dnsrr", "--init"];
const SERVER = ["httpd", "-f", "-h", "/www"];

const groupOf = (number: number): string => `tsrun-swarm-${process.pid}-${number}`;
const addressOf = (number: number): string => `10.90.0.${number}`;

let directory: string;
let wire: Machine;
let nodes: Machine[] = [];

/** A node by its number: the first one is a manager throughout. */
const node = (number: number): Machine => nodes[number - 1] as Machine;
const docker = (number: number, ...args: string[]): Promise<string> => node(number).output(DOCKER, ...args);
const linesOf = async (number: number, ...args: string[]): Promise<string[]> =>
  (await docker(number, ...args)).split("\n").filter(Boolean).sort();

async function startNode(number: number): Promise<Machine> {
  const name = `node${number}`;
  const machine = await startMachine(name, join(directory, name));
  const inWire = ["-t", String(wire.pid), "-n", "ip", "link"];
  const ends = ["add", name, "type", "veth", "peer", "name", "eth0", "netns", String(machine.pid)];
  await promisify(execFile)("nsenter", [...inWire, ...ends]);
  await promisify(execFile)("nsenter", [...inWire, "set", name, "master", "wire", "up"]);
  await machine.sh(`ip addr add ${addressOf(number)}/24 dev eth0; ip link set eth0 up`);
  const configuration = join(machine.directory, "daemon.json");
  writeFileSync(
    configuration,
    JSON.stringify({
      ...JSON.parse(documented("Docker Swarm")),
      "data-root": join(machine.directory, "docker"),
      "storage-driver": "overlay2",
      "cgroup-parent": `/${groupOf(number)}`,
      "oom-score-adjust": 0,
    }),
  );
  await machine.daemon(["dockerd", "--config-file", configuration], [DOCKER, "version"]);
  await machine.output(DOCKER, "load", "-q", "-i", join(directory, "image.tar"));
  return machine;
}

beforeAll(async () => {
  assertTestHost();
  directory = mkdtempSync(join(tmpdir(), "tsrun-swarm-"));
  writeImage(directory);
  wire = await startMachine("wire", join(directory, "wire"));
  await wire.sh("ip link add wire type bridge && ip addr add 10.90.0.254/24 dev wire && ip link set wire up");
  nodes = await Promise.all(NUMBERS.map(startNode));
  const manager = [
    "--advertise-addr",
    addressOf(1),
    "--dispatcher-heartbeat",
    "1s",
    "--task-history-limit",
    "1",
  ];
  await docker(1, "swarm", "init", ...manager);
  const token = await docker(1, "swarm", "join-token", "-q", "manager");
  for (const number of [2, 3])
    await docker(number, "swarm", "join", "--token", token, `${addressOf(1)}:2377`);
});

afterAll(async () => {
  await Promise.all([...nodes, wire].map((machine) => machine.stop()));
  for (const number of NUMBERS) await removeGroups(groupOf(number));
  rmSync(directory, { recursive: true });
});

/** Nodes on which a task of the service runs, as the managers have it. */
async function placesOf(service: string): Promise<string[]> {
  const wanted = ["-f", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}"];
  const lines = await linesOf(1, "service", "ps", service, ...wanted);
  return lines.flatMap((line) => /^(\S+) Running /.exec(line)?.[1] ?? []);
}

test("every node runs what it runs with tsrun-oci", async () => {
  expect(await linesOf(1, "node", "ls", "--format", "{{.Hostname}} {{.Status}}")).toEqual([
    "node1 Ready",
    "node2 Ready",
    "node3 Ready",
  ]);
  for (const number of NUMBERS)
    expect(await docker(number, "info", "-f", "{{.DefaultRuntime}}")).toBe("tsrun");
});

test("a replicated service is spread over the nodes, and its tasks reach each other by name", async () => {
  await docker(1, "network", "create", "-d", "overlay", "--attachable", "inner");
  const flags = [
    "--endpoint-mode",
    "dnsrr",
    "--network",
    "inner",
    "--no-resolve-image",
    "--limit-memory",
    "64M",
  ];
  await docker(
    1,
    "service",
    "create",
    ...QUIET,
    "--name",
    "web",
    "--replicas",
    "3",
    ...flags,
    IMAGE,
    ...SERVER,
  );
  await expect.poll(() => placesOf("web"), SETTLED).toEqual(["node1", "node2", "node3"]);
  for (const number of NUMBERS) {
    const [id = ""] = await linesOf(number, "ps", "-q", "--no-trunc");
    expect(await node(number).sh(`ls ${STATE}`)).toBe(id);
    expect(await docker(number, "inspect", "-f", "{{.HostConfig.Runtime}} {{.HostConfig.Memory}}", id)).toBe(
      "tsrun 67108864",
    );
  }
  // From one node, the tasks of all.
  const visit = `for address in $(nslookup tasks.web | sed -n '/^Name/{n;s/Address: //p}'); do timeout 5 wget -qO- http://$address/; done`;
  await expect
    .poll(() => docker(2, "run", "--rm", "--network", "inner", IMAGE, "sh", "-c", visit), SETTLED)
    .toBe("it works\nit works\nit works");
});

test("a global service is published by each node", async () => {
  const flags = ["--mode", "global"];
  const port = ["--publish", "mode=host,target=80,published=8080"];
  await docker(1, "service", "create", ...QUIET, "--name", "edge", ...flags, ...port, IMAGE, ...SERVER);
  for (const number of NUMBERS) {
    const ask = ["timeout", "5", "busybox", "wget", "-qO-", `http://${addressOf(number)}:8080/`];
    await expect.poll(() => wire.run(ask), SETTLED).toMatchObject({ stdout: "it works\n" });
  }
});

test("a node that is lost takes no task with it: the others have it soon", async () => {
  await node(3).stop();
  await expect
    .poll(() => linesOf(1, "node", "ls", "--format", "{{.Hostname}} {{.Status}}"), SETTLED)
    .toEqual(["node1 Ready", "node2 Ready", "node3 Down"]);
  await expect
    .poll(async () => (await placesOf("web")).filter((name) => name !== "node3").length, SETTLED)
    .toBe(3);
  const running = await Promise.all([1, 2].map((number) => linesOf(number, "ps", "-q", "-f", "name=web")));
  expect(running.flat()).toHaveLength(3);
});

test("a service that is removed leaves nothing on the nodes that are left", async () => {
  await docker(1, "service", "rm", "web", "edge");
  for (const number of [1, 2]) {
    await expect.poll(() => linesOf(number, "ps", "-aq"), SETTLED).toEqual([]);
    await expect.poll(() => node(number).sh(`ls ${STATE}`), SETTLED).toBe("");
    await expect.poll(() => node(number).programs(), SETTLED).toEqual(["containerd", "dockerd"]);
    expect(groupsBelow(groupOf(number))).toEqual([]);
  }
});

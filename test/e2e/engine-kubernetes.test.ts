/** tsrun-oci as a runtime of pods: containerd with the configuration of docs/engines.md, asked as kubelet asks it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertTestHost } from "../support/test-host.ts";
import { type Answer, Cri, decode, type Message, textOf } from "./support/cri.ts";
import { documented } from "./support/engine-docs.ts";
import { IMAGE, writeImage } from "./support/engine-image.ts";
import { leftUnder, limitsOf, NOTHING } from "./support/engine-life.ts";
import { type Machine, removeGroups, startMachine } from "./support/machine.ts";

/** The name of the RuntimeClass's handler. */
const HANDLER = "tsrun";
const GROUP = `tsrun-pods-${process.pid}`;
const STATE = "/run/containerd/runc/k8s.io";
const EXITED = 2;

let directory: string;
let machine: Machine;
let cri: Cri;
let pod: string;

const NETWORK = {
  cniVersion: "0.4.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "pods0",
      isGateway: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.88.0.0/16" }]], dataDir: "/run/cni" },
    },
  ],
};

/** NamespaceOption: a pid namespace for each container, as kubelet asks; the rest is the pod's. */
const OWN_PROCESSES = { 2: 1 };

/** PodSandboxConfig: metadata, hostname, log_directory, linux. */
const podConfig = (): Message => ({
  1: { 1: "web", 2: "uid-1", 3: "default" },
  2: "its-name",
  3: directory,
  8: { 1: `/${GROUP}`, 2: { 1: OWN_PROCESSES } },
});

/** ContainerConfig: metadata, image, command, log_path, linux (resources, security_context). A container of the pod is created and started. */
async function start(name: string, command: readonly string[], resources: Message = {}): Promise<string> {
  const config = {
    1: { 1: name },
    2: { 1: IMAGE },
    3: command,
    11: `${name}.log`,
    15: { 1: resources, 2: { 3: OWN_PROCESSES } },
  };
  const id = textOf(await cri.call("CreateContainer", { 1: pod, 2: config, 3: podConfig() }), 1);
  await cri.call("StartContainer", { 1: id });
  return id;
}

async function exec(id: string, ...command: string[]): Promise<{ stdout: string; code: number }> {
  const answer = await cri.call("ExecSync", { 1: id, 2: command, 3: 30 });
  return { stdout: textOf(answer, 1), code: Number(answer.get(3) ?? 0) };
}

const statusOf = async (id: string): Promise<Answer> =>
  decode((await cri.call("ContainerStatus", { 1: id })).get(1) as Buffer);

async function remove(id: string): Promise<void> {
  await cri.call("StopContainer", { 1: id, 2: 1 });
  await cri.call("RemoveContainer", { 1: id });
}

beforeAll(async () => {
  assertTestHost();
  directory = mkdtempSync(join(tmpdir(), "tsrun-kubernetes-"));
  machine = await startMachine("kubernetes", directory);
  const configuration = join(directory, "config.toml");
  const socket = join(directory, "containerd.sock");
  const network = join(directory, "cni");
  await machine.sh(`mkdir ${network}`);
  writeFileSync(join(network, "pods.conflist"), JSON.stringify(NETWORK));
  writeFileSync(
    configuration,
    `root = "${join(directory, "root")}"
    ${documented("Kubernetes with containerd")}
    [grpc]
    address = "${socket}"
    [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "${IMAGE}"
    # Lowering the score needs CAP_SYS_RESOURCE, which not every root has.
    restrict_oom_score_adj = true
    [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${network}"
    `,
  );
  const client = ["ctr", "--address", socket, "--namespace", "k8s.io"];
  await machine.daemon(["containerd", "--config", configuration], [...client, "version"]);
  await machine.output(...client, "image", "import", writeImage(directory, { Cmd: ["sleep", "infinity"] }));
  cri = new Cri(socket);
});

afterAll(async () => {
  cri[Symbol.dispose]();
  const left = await leftUnder(() => ({ machine, group: GROUP, state: STATE }));
  const programs = await machine.programs();
  await machine.stop();
  await removeGroups(GROUP);
  rmSync(directory, { recursive: true });
  expect({ ...left, programs }).toEqual({ ...NOTHING, programs: ["containerd"] });
});

test("a pod is made by the handler, with a network and a name of its own", async () => {
  pod = textOf(await cri.call("RunPodSandbox", { 1: podConfig(), 2: HANDLER }), 1);
  expect(await machine.sh(`ls ${STATE}`)).toBe(pod);
  const status = decode((await cri.call("PodSandboxStatus", { 1: pod })).get(1) as Buffer);
  expect(textOf(decode(status.get(5) as Buffer), 1)).toMatch(/^10\.88\./);
});

test("its containers share that, and have their own limits, logs and exit codes", async () => {
  const resources = { 1: 100_000, 2: 50_000, 4: 64 << 20 };
  const server = await start("server", ["httpd", "-f", "-h", "/www"], resources);
  const visit = "hostname; wget -qO- http://127.0.0.1/; ps | grep -c [h]ttpd; exit 7";
  const visitor = await start("visitor", ["sh", "-c", visit]);
  await expect.poll(async () => (await statusOf(visitor)).get(3)).toBe(EXITED);
  expect((await statusOf(visitor)).get(7)).toBe(7);
  const log = readFileSync(join(directory, "visitor.log"), "utf8");
  expect(log.split("\n").map((line) => line.split(" ").slice(1).join(" "))).toEqual([
    "stdout F its-name",
    "stdout F it works",
    "stdout F 0",
    "",
  ]);

  expect(await exec(server, "sh", "-c", "echo in; exit 5")).toEqual({ stdout: "in\n", code: 5 });
  expect((await exec(server, "sh", "-c", limitsOf())).stdout.split("\n")).toMatchObject({
    0: "67108864",
    2: "50000",
  });
  await cri.call("UpdateContainerResources", { 1: server, 2: { 1: 100_000, 2: 25_000, 4: 32 << 20 } });
  expect((await exec(server, "sh", "-c", limitsOf())).stdout.split("\n")).toMatchObject({
    0: "33554432",
    2: "25000",
  });
  await remove(visitor);
  await remove(server);
});

test("it goes as a whole", async () => {
  await start("last", ["sleep", "60"]);
  await cri.call("StopPodSandbox", { 1: pod });
  await cri.call("RemovePodSandbox", { 1: pod });
  expect(await machine.sh(`ls ${STATE}`)).toBe("");
});

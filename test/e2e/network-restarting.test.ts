/** network connect and disconnect in the moments in which a container is being started again by its policy. */
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output } = host;
const SOCKETS = "/run/docker/plugins";

/** A volume driver whose Mount takes as long as the test says: so long a start is under way, its record read. */
const plugin = {
  mounts: 0,
  gate: Promise.resolve(),
  server: undefined as Server | undefined,
};

beforeAll(async () => {
  mkdirSync(SOCKETS, { recursive: true });
  const place = join(host.directory, "slow");
  mkdirSync(place);
  plugin.server = createServer(async (request, response) => {
    await json(request).catch(() => undefined);
    if (request.url === "/VolumeDriver.Mount") {
      plugin.mounts++;
      await plugin.gate;
    }
    const replies: Record<string, object> = {
      "/Plugin.Activate": { Implements: ["VolumeDriver"] },
      "/VolumeDriver.Capabilities": { Capabilities: { Scope: "local" } },
      "/VolumeDriver.Get": { Volume: { Name: "held", Mountpoint: place } },
      "/VolumeDriver.List": { Volumes: [] },
    };
    response.end(JSON.stringify({ Err: "", Mountpoint: place, ...replies[request.url ?? ""] }));
  }).listen(join(SOCKETS, "slow.sock"));
  await once(plugin.server, "listening");
  for (const network of ["front", "back"]) await output("network", "create", network);
});
afterAll(async () => {
  await output("volume", "rm", "held");
  await output("network", "prune", "-f");
  plugin.server?.close();
  rmSync(SOCKETS, { recursive: true, force: true });
});

const interfaces = (): Promise<string> => output("exec", "web", "ls", "/sys/class/net");
const networks = async (): Promise<string[]> =>
  Object.keys(JSON.parse(await output("inspect", "-f", "{{json .NetworkSettings.Networks}}", "web")));

beforeEach(async () => {
  plugin.gate = Promise.resolve();
  const flags = ["--restart", "always", "--network", "front", "--volume-driver", "slow", "-v", "held:/held"];
  await output("run", "-d", "--name", "web", ...flags, IMAGE, "sleep", "1000");
});
afterEach(() => output("rm", "-f", "web"));

/** Kills the process; a start is under way, and will not go on before what is returned is called. */
async function restartHalfWay(): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  plugin.gate = promise;
  const before = plugin.mounts;
  const id = await output("inspect", "-f", "{{.Id}}", "web");
  rmSync(join(host.run, "volumes/held", id)); // as if it had to be mounted anew
  process.kill(Number(await output("inspect", "-f", "{{.State.Pid}}", "web")), "SIGKILL");
  await expect.poll(() => plugin.mounts, { timeout: 10_000 }).toBe(before + 1);
  return resolve;
}

const isRunning = (): Promise<unknown> =>
  expect.poll(() => output("inspect", "-f", "{{.State.Status}}", "web"), { timeout: 10_000 }).toBe("running");

test("a start that has read the record already gets the network too", async () => {
  const goOn = await restartHalfWay();
  const connected = output("network", "connect", "back", "web");
  await sleep(700);
  goOn();
  await connected;
  await isRunning();
  expect(await networks()).toEqual(["back", "front"]);
  expect(await interfaces()).toBe("eth0\neth1\nlo");
});

test("a start that has read the record already loses the network too", async () => {
  const goOn = await restartHalfWay();
  const disconnected = output("network", "disconnect", "front", "web");
  await sleep(700);
  goOn();
  await disconnected;
  await isRunning();
  expect(await networks()).toEqual([]);
  expect(await interfaces()).toBe("lo");
});

test("one that waits for its turn is changed at once, and starts with what was said", async () => {
  await output("rm", "-f", "web");
  const policy = ["--restart", "always", "--network", "front"];
  await output(
    "run",
    "-d",
    "--name",
    "web",
    ...policy,
    IMAGE,
    "sh",
    "-c",
    "[ -e /sys/class/net/eth1 ] && exec sleep 1000",
  );
  const restarts = () => output("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "web");
  // It waits 3.2 s and more by now: who waited for its turn would see another restart.
  await expect.poll(restarts, { timeout: 30_000 }).toMatch(/^[5-9] restarting$/);
  const before = await restarts();
  await output("network", "connect", "back", "web");
  expect(await restarts()).toBe(before);
  await isRunning();
  expect(await interfaces()).toBe("eth0\neth1\nlo");
});

/** The first question: why does a container have an address? A lease, a cable, an address at its end. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Endpoint } from "../../src/network/types.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: ["tsrun/base"] });
const { output } = host;
const IMAGE = "tsrun/base";

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

const template = (container: string, field: string): Promise<string> =>
  output("inspect", "-f", `{{.${field}}}`, container);

test("it was leased from the network's subnet, under the container's name, for as long as it runs", async () => {
  const id = await output("run", "-d", "--name", "web", IMAGE, "sleep", "1000");
  const network = await template("web", "NetworkSettings.Networks.bridge.NetworkID");
  const address = await template("web", "NetworkSettings.IPAddress");
  const directory = join(host.run, "networks", network);
  expect(readlinkSync(join(directory, "leases", address))).toBe(id);
  const endpoint = JSON.parse(readFileSync(join(directory, "endpoints", `${id}.json`), "utf8")) as Endpoint;
  expect(endpoint).toMatchObject({
    containerId: id,
    name: "web",
    address: `${address}/16`,
    interface: "eth0",
  });

  // One end of the cable is a port of the bridge, the other the container's eth0 with that address.
  const cable = await host.shell(`ip -d link show ${endpoint.hostInterface}`);
  expect(cable.stdout).toMatch(/veth.*\n?.*bridge_slave/s);
  const inside = await output("exec", "web", "ip", "addr", "show", "eth0");
  expect(inside).toContain(`inet ${address}/16`);
  expect(inside).toContain(`link/ether ${endpoint.macAddress}`);

  await output("rm", "-f", "web");
  expect(readdirSync(join(directory, "leases"))).not.toContain(address);
  expect(existsSync(join(directory, "endpoints", `${id}.json`))).toBe(false);
});

test("explain names the objects", async () => {
  const explained = await output("explain", "run", "--rm", IMAGE, "true");
  expect(explained).toMatch(/network namespace with eth0, the other end of veth[0-9a-f]{7}/);
  expect(explained).toMatch(/eth0: 172\.\d+\.\d+\.\d+\/16, 02:42:[0-9a-f:]+, default route via 172\./);
});

test("a network of one's own gives its own, or the one that was asked for", async () => {
  await output("network", "create", "--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/25", "front");
  await output("run", "-d", "--name", "any", "--network", "front", IMAGE, "sleep", "1000");
  await output(
    "run",
    "-d",
    "--name",
    "asked",
    "--network",
    "front",
    "--ip",
    "10.77.0.7",
    IMAGE,
    "sleep",
    "1000",
  );
  expect(await output("exec", "any", "hostname", "-i")).toContain("10.77.0.128");
  expect(await output("exec", "asked", "hostname", "-i")).toContain("10.77.0.7");
  const refused = await host.tsrun("run", "--rm", "--network", "front", "--ip", "10.77.0.7", IMAGE, "true");
  expect(refused).toMatchObject({ code: 125 });
  expect(refused.stderr).toContain("Address already in use: container asked has 10.77.0.7 on network front");
});

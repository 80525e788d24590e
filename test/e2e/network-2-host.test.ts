/** The second question: why does the host reach a container? Its bridge has an address in the same subnet. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output } = host;

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

test("the host has the gateway's address on the bridge, a route to the subnet, and an answer from the container", async () => {
  await output("network", "create", "--subnet", "10.77.0.0/24", "front");
  const bridge = `br-${(await output("network", "inspect", "-f", "{{.Id}}", "front")).slice(0, 12)}`;
  await output("run", "-d", "--name", "web", "--network", "front", "busybox", "httpd", "-f", "-h", "/www");
  const address = await output("inspect", "-f", "{{.NetworkSettings.Networks.front.IPAddress}}", "web");

  expect((await host.shell(`ip addr show ${bridge}`)).stdout).toContain("inet 10.77.0.1/24");
  expect((await host.shell(`ip route get ${address}`)).stdout).toContain(`dev ${bridge} src 10.77.0.1`);
  expect(await (await fetch(`http://${address}/`)).text()).toBe("it works\n");
});

test("also one without a way out, and by IPv6", async () => {
  await output("network", "create", "--internal", "--ipv6", "--subnet", "fd77::/64", "vault");
  await output("run", "-d", "--name", "web", "--network", "vault", "busybox", "httpd", "-f", "-h", "/www");
  const field = (name: string): Promise<string> =>
    output("inspect", "-f", `{{.NetworkSettings.Networks.vault.${name}}}`, "web");
  expect(await (await fetch(`http://${await field("IPAddress")}/`)).text()).toBe("it works\n");
  expect(await field("GlobalIPv6Address")).toBe("fd77::2");
  expect(await (await fetch("http://[fd77::2]/")).text()).toBe("it works\n");
});

test("the container reaches what the host serves at the gateway's address", async () => {
  await output("network", "create", "--subnet", "10.77.0.0/24", "front");
  const server = createServer((socket) => socket.end("from the host\n")).listen(0, "10.77.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ask = ["nc", "-w", "5", "10.77.0.1", String(port)];
  expect(await output("run", "--rm", "--network", "front", "busybox", ...ask)).toBe("from the host");
  server.close();
  await once(server, "close");
});

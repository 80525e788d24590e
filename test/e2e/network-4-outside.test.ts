/** The fourth question: why does a container reach the outside? The host forwards, and gives it its own address. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { type Outside, outside } from "./support/outside.ts";

const host = useHost();
const { output, tsrun } = host;
let internet: Outside;

beforeAll(async () => {
  internet = await outside(host.shell);
  await internet.serve(8080);
});
afterAll(async () => await internet[Symbol.asyncDispose]());
afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

/** The address by which the server outside sees a container; "" where it does not. */
const seenAs = async (address: string, ...flags: string[]): Promise<string> => {
  const { stdout } = await tsrun("run", "--rm", ...flags, "busybox", "nc", "-w", "3", address, "8080");
  return stdout.trim().replace("::ffff:", "");
};

test("by the host's address, from the default network and from one's own", async () => {
  expect(await seenAs(internet.address)).toBe(internet.hostAddress);
  await output("network", "create", "front");
  expect(await seenAs(internet.address, "--network", "front")).toBe(internet.hostAddress);
});

test("by IPv6 too, from addresses that no router outside knows", async () => {
  await output("network", "create", "--ipv6", "six");
  expect(
    await output("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", "six"),
  ).toMatch(/fd[0-9a-f:]+\/64/);
  expect(await seenAs(internet.address6, "--network", "six")).toBe(internet.hostAddress6);
});

test("by its own address where the network does not masquerade: the outside has to know the way", async () => {
  await output(
    ...["network", "create", "--subnet", "10.77.0.0/24"],
    ...["-o", "com.docker.network.bridge.enable_ip_masquerade=false", "routed"],
  );
  expect(await seenAs(internet.address, "--network", "routed")).toBe("");
  await internet.sh(`ip route add 10.77.0.0/24 via ${internet.hostAddress}`);
  expect(await seenAs(internet.address, "--network", "routed")).toBe("10.77.0.2");
});

test("not at all from an internal network, which has no way out", async () => {
  await output("network", "create", "--internal", "vault");
  expect(await seenAs(internet.address, "--network", "vault")).toBe("");
  // Not even where the container makes itself a way.
  const gateway = await output("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "vault");
  const forced = `ip route add default via ${gateway} && nc -w 2 ${internet.address} 8080`;
  const { stdout } = await tsrun(
    "run",
    "--rm",
    "--cap-add",
    "NET_ADMIN",
    "--network",
    "vault",
    "busybox",
    "sh",
    "-c",
    forced,
  );
  expect(stdout).toBe("");
});

test("the outside reaches no container unasked", async () => {
  await output("network", "create", "--subnet", "10.76.0.0/24", "front");
  await output("run", "-d", "--name", "web", "--network", "front", "busybox", "httpd", "-f", "-h", "/www");
  await internet.sh(`ip route add 10.76.0.0/24 via ${internet.hostAddress}`);
  expect((await internet.sh("ping -c1 -W1 10.76.0.2")).code).not.toBe(0);
  expect((await internet.sh(`ping -c1 -W1 ${internet.hostAddress}`)).code).toBe(0);
});

test("the way out of several networks is docker's choice, or the user's", async () => {
  await output("network", "create", "--subnet", "10.77.0.0/24", "zulu");
  await output("network", "create", "--subnet", "10.78.0.0/24", "alpha");
  const way = (...flags: string[]): Promise<string> =>
    output("run", "--rm", ...flags, "busybox", "sh", "-c", "ip route | sed -n 's/^default via //p'");
  expect(await way("--network", "zulu", "--network", "alpha")).toContain("10.78.0.1 dev eth1");
  expect(await way("--network", "name=zulu,gw-priority=1", "--network", "alpha")).toContain(
    "10.77.0.1 dev eth0",
  );
});

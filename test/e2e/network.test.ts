import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { NETLINK_ROUTE, openNetlink } from "../../src/kernel/netlink.ts";
import { decodeAddress, listAddresses } from "../../src/kernel/netlink-address.ts";
import { decodeLink, listLinks } from "../../src/kernel/netlink-link.ts";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;
const inside = (flags: string[], script: string): Promise<string> =>
  output("run", "--rm", ...flags, "busybox", "sh", "-c", script);
const address = (container: string): Promise<string> =>
  output("inspect", "-f", "{{.NetworkSettings.IPAddress}}", container);

/** The host's links, apart from the bridges that other instances of tsrun keep. */
const links = (): string[] => allLinks().filter((name) => !others.includes(name));

function allLinks(): string[] {
  using route = openNetlink(NETLINK_ROUTE);
  return route
    .dump(listLinks())
    .map((message) => decodeLink(message).name)
    .sort();
}

async function removeAll(): Promise<void> {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
}

/** A server of the host's that answers every connection with a word. */
async function serve(word: string): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((socket) => socket.end(`${word}\n`)).listen(0);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

let others: string[] = [];
let gateway: string;
/** The instance's bridge: tsrun0 on a host with one. */
function bridge(): string {
  using route = openNetlink(NETLINK_ROUTE);
  const found = route
    .dump(listAddresses())
    .map(decodeAddress)
    .find(({ address: own }) => own === gateway);
  const links = route.dump(listLinks()).map(decodeLink);
  return links.find(({ index }) => index === found?.linkIndex)?.name ?? "none";
}

beforeAll(() => {
  others = allLinks().filter((name) => /^tsrun\d+$/.test(name));
});

describe("bridge, the default", () => {
  beforeAll(async () => {
    gateway = await inside([], "ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'");
  });
  afterEach(removeAll);

  test("gives an address of the bridge's subnet and a default route", async () => {
    expect(bridge()).toMatch(/^tsrun\d+$/);
    const shown = await inside([], "ip -4 addr show eth0; ip route; cat /sys/class/net/eth0/operstate");
    expect(shown).toContain(`inet ${gateway.replace(/\.1$/, ".")}`);
    expect(shown).toContain(`default via ${gateway} dev eth0`);
    expect(shown).toMatch(/up$/);
    expect(await inside([], "ip link show lo")).toContain("UP");
  });

  test("reaches the gateway", async () => {
    expect(await inside([], `ping -c1 -W5 ${gateway}`)).toContain("1 packets received");
  });

  test("reaches another container by its address", async () => {
    await output("run", "-d", "--name", "other", "busybox", "httpd", "-f", "-h", "/www");
    const other = await address("other");
    expect(await inside([], `ping -c1 -W5 ${other}`)).toContain("1 packets received");
    expect(await inside([], `wget -qO- http://${other}/index.html`)).toBe("it works");
    // From the host too.
    expect(await (await fetch(`http://${other}/`)).text()).toBe("it works\n");
  });

  test("reaches a server of the host at the bridge's address", async () => {
    await using server = await serve("from the host");
    expect(await inside([], `nc -w 5 ${gateway} ${server.port} </dev/null`)).toBe("from the host");
  });

  test("does not reach what listens on the host's loopback only", async () => {
    await using server = await serve("secret");
    const { stdout, code } = await tsrun(
      "run",
      "--rm",
      "busybox",
      "sh",
      "-c",
      `nc -w 2 127.0.0.1 ${server.port} </dev/null`,
    );
    expect({ stdout, failed: code !== 0 }).toEqual({ stdout: "", failed: true });
  });

  test("leaves through the host with the host's address", async () => {
    const rules = await host.shell("nft list ruleset");
    expect(rules.stdout).toContain("masquerade");
  });

  test("allows a port below 1024 and a ping to an ordinary user", async () => {
    expect(await inside(["-u", "app"], "cat /proc/sys/net/ipv4/ping_group_range")).toBe("0\t2147483647");
    expect(
      await inside(["-u", "app", "--cap-drop", "ALL"], "httpd -p 80 -h /www && wget -qO- http://127.0.0.1/"),
    ).toBe("it works");
  });

  test("gives every container another address, also at once", async () => {
    const names = Array.from({ length: 6 }, (_, index) => `c${index}`);
    await Promise.all(names.map((name) => output("run", "-d", "--name", name, "busybox", "sleep", "1000")));
    const addresses = await Promise.all(names.map(address));
    expect(new Set(addresses).size).toBe(names.length);
    expect(addresses).not.toContain(gateway);
    const seen = await Promise.all(names.map((name) => output("exec", name, "hostname", "-i")));
    expect(seen.map((line) => line.trim())).toEqual(addresses);
  });

  test("takes its links and addresses away with the containers", async () => {
    const before = ["lo", bridge()];
    await expect.poll(links, { timeout: 5_000 }).toEqual(before);
    await output("run", "-d", "--name", "short", "busybox", "sleep", "1000");
    expect(links()).toHaveLength(3);
    await output("rm", "-f", "short");
    await expect.poll(links, { timeout: 5_000 }).toEqual(before);
    await output("run", "-d", "--name", "short", "busybox", "sleep", "1000");
    expect(await output("exec", "short", "ping", "-c1", "-W5", gateway)).toContain("1 packets received");
  });
});

describe("none", () => {
  test("has a loopback and nothing else", async () => {
    expect(
      await inside(
        ["--network", "none"],
        "ls /sys/class/net; ping -c1 -W2 127.0.0.1 | grep -c '1 packets received'; ip route",
      ),
    ).toBe("lo\n1");
    expect(await output("run", "--rm", "--net=none", "busybox", "cat", "/etc/hosts")).toContain(
      "127.0.0.1\tlocalhost",
    );
  });

  test("reaches nothing", async () => {
    const { code, stderr } = await tsrun(
      "run",
      "--rm",
      "--network",
      "none",
      "busybox",
      "ping",
      "-c1",
      "-W1",
      "172.17.0.1",
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain("Network is unreachable");
  });
});

describe("host", () => {
  test("is the host's own network", async () => {
    expect((await inside(["--network", "host"], "ls /sys/class/net")).split("\n").sort()).toEqual(allLinks());
    await using server = await serve("loopback");
    expect(await inside(["--network", "host"], `nc -w 5 127.0.0.1 ${server.port} </dev/null`)).toBe(
      "loopback",
    );
    expect(await inside(["--network", "host"], "hostname")).toBe(
      (await host.shell("hostname")).stdout.trim(),
    );
  });

  test("may still not change it", async () => {
    expect(
      (await tsrun("run", "--rm", "--network", "host", "busybox", "ip", "link", "set", "lo", "down")).stderr,
    ).toContain("Operation not permitted");
  });
});

test("networks that do not exist are refused before anything is made", async () => {
  const { code, stderr } = await tsrun("run", "--rm", "--network", "mybridge", "busybox", "true");
  expect(code).toBe(125);
  expect(stderr).toContain("mybridge");
  expect(host.containers()).toEqual([]);
});

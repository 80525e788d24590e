/** The network commands as docker's users know them: words, fields, messages and exit codes. */
import { afterEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
const SLEEPER = [IMAGE, "sleep", "1000"];

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

const run = (name: string, ...flags: string[]): Promise<string> =>
  output("run", "-d", "--name", name, ...flags, ...SLEEPER);
const inspect = (name: string, template: string): Promise<string> => output("inspect", "-f", template, name);
const networksOf = async (name: string): Promise<string[]> =>
  Object.keys(JSON.parse(await inspect(name, "{{json .NetworkSettings.Networks}}")));
const refusal = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await tsrun(...args);
  return `${code}: ${stderr.split("\n")[0]?.replace("tsrun: ", "")}`;
};

describe("create", () => {
  test("all that can be said is shown by inspect", async () => {
    const id = await output(
      ...[
        "network",
        "create",
        "--subnet",
        "10.5.0.0/16",
        "--gateway",
        "10.5.0.9",
        "--ip-range",
        "10.5.1.0/24",
      ],
      ...[
        "--aux-address",
        "router=10.5.1.2",
        "--label",
        "a=b",
        "--attachable",
        "--ipv6",
        "--subnet",
        "fd05::/64",
      ],
      ...["-o", "com.docker.network.bridge.name=brx", "-o", "com.docker.network.driver.mtu=1400", "whole"],
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const [shown] = JSON.parse(await output("network", "inspect", "whole"));
    expect(shown).toMatchObject({
      Name: "whole",
      Id: id,
      Scope: "local",
      Driver: "bridge",
      EnableIPv6: true,
      Internal: false,
      Attachable: true,
      Containers: {},
      Options: { "com.docker.network.bridge.name": "brx", "com.docker.network.driver.mtu": "1400" },
      Labels: { a: "b" },
      IPAM: {
        Driver: "default",
        Config: [
          {
            Subnet: "10.5.0.0/16",
            IPRange: "10.5.1.0/24",
            Gateway: "10.5.0.9",
            AuxiliaryAddresses: { router: "10.5.1.2" },
          },
          { Subnet: "fd05::/64", Gateway: "fd05::1" },
        ],
      },
    });
    expect((await host.shell("ip addr show brx")).stdout).toMatch(
      /mtu 1400.*inet 10\.5\.0\.9\/16.*inet6 fd05::1\/64/s,
    );
    await run("c-1", "--network", "whole");
    const addresses = await output("exec", "c-1", "ip", "addr", "show", "eth0");
    expect(addresses).toMatch(/mtu 1400.*inet 10\.5\.1\.0\/16.*inet6 fd05::2\/64/s);
    expect(await output("inspect", "--type", "network", "-f", "{{.Name}}", id.slice(0, 12))).toBe("whole");
  });

  test.each([
    [["bridge"], "1: operation is not permitted on predefined bridge network"],
    [["-d", "foo", "x1"], '1: plugin "foo" not found'],
    [["-d", "host", "x1"], '1: only one instance of "host" network is allowed'],
    [["--gateway", "1.1.1.1", "x1"], "1: every ip-range or gateway must have a corresponding subnet"],
    [["--subnet", "10.0.0.0/24", "--gateway", "1.1.1.1", "x1"], "1: no matching subnet for gateway 1.1.1.1"],
    [
      ["--subnet", "10.0.0.0/24", "--ip-range", "10.1.0.0/25", "x1"],
      "1: no matching subnet for range 10.1.0.0/25",
    ],
    [
      ["--subnet", "10.0.0.0/24", "--aux-address", "a=10.1.0.0", "x1"],
      "1: no matching subnet for aux-address 10.1.0.0",
    ],
    [
      ["--subnet", "10.0.0.0/24", "--subnet", "10.0.0.0/25", "x1"],
      "1: multiple overlapping subnet configuration is not supported",
    ],
    [["--scope", "swarm", "x1"], "1: cannot create a swarm scoped network: there is no cluster"],
    [["-d", "macvlan", "-o", "parent=lo", "x1"], "1: loopback interface is not a valid macvlan parent link"],
    [["-d", "macvlan", "-o", "parent=nope", "x1"], "1: the parent interface nope does not exist"],
  ])("%j is refused", async (args, message) => {
    expect(await refusal("network", "create", ...args)).toBe(message);
    expect(await output("network", "ls", "-q", "--filter", "type=custom")).toBe("");
  });

  test("names, subnets and bridges are one network's", async () => {
    await output(
      "network",
      "create",
      "--subnet",
      "10.6.0.0/16",
      "-o",
      "com.docker.network.bridge.name=br-a",
      "front",
    );
    expect(await refusal("network", "create", "front")).toBe("1: network with name front already exists");
    expect(await refusal("network", "create", "--subnet", "10.6.9.0/24", "back")).toBe(
      "1: Pool overlaps with other one on this address space",
    );
    expect(await refusal("network", "create", "-o", "com.docker.network.bridge.name=br-a", "back")).toMatch(
      /^1: cannot create network .* \(br-a\): .*networks have same bridge name$/,
    );
  });

  test("the first subnet of the pools is left to the default network", async () => {
    await output("network", "create", "front");
    const subnet = await output("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "front");
    await output("run", "--rm", ...SLEEPER.slice(0, 1), "true");
    const first = await output("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "bridge");
    expect(Number(first.split(".")[1])).toBeLessThan(Number(subnet.split(".")[1]));
  });

  test("a subnet that the host's routes use is not chosen", async () => {
    await host.shell(
      "ip link add other0 type veth peer name other1; ip link set other0 up; ip link set other1 up",
    );
    await host.shell("ip addr add 172.30.0.1/12 dev other0");
    try {
      await output("network", "create", "front");
      const [{ IPAM }] = JSON.parse(await output("network", "inspect", "front"));
      expect(IPAM.Config[0].Subnet).toMatch(/^192\.168\./);
    } finally {
      await host.shell("ip link del other0");
    }
  });
});

test("ls lists, filters and formats", async () => {
  await output("network", "create", "--label", "tier=1", "front");
  await output("network", "create", "--internal", "back");
  const names = async (...filters: string[]): Promise<string> =>
    (
      await output("network", "ls", "--format", "{{.Name}}", ...filters.flatMap((each) => ["-f", each]))
    ).replaceAll("\n", " ");
  expect(await names()).toBe("back bridge front host none");
  expect(await names("type=custom")).toBe("back front");
  expect(await names("type=builtin")).toBe("bridge host none");
  expect(await names("driver=null", "driver=host")).toBe("host none");
  expect(await names("label=tier")).toBe("front");
  expect(await names("name=ro")).toBe("front");
  await run("c-1", "--network", "back");
  expect(await names("dangling=true")).toBe("front");
  expect(await output("network", "ls")).toMatch(/^NETWORK ID +NAME +DRIVER +SCOPE\n/);
  expect((await output("network", "ls", "--no-trunc", "-q")).split("\n")[0]).toHaveLength(64);
  expect(await output("network", "ls", "--format", "{{.Internal}} {{.IPv6}}", "-f", "name=back")).toBe(
    "true false",
  );
  expect((await tsrun("network", "ls", "-f", "foo=bar")).code).toBe(1);
});

test("rm and prune spare what is in use", async () => {
  await output("network", "create", "front");
  await output("network", "create", "idle");
  await run("c-1", "--network", "front");
  expect(await refusal("network", "rm", "front")).toMatch(
    /^1: error while removing network: network front id .* has active endpoints$/,
  );
  expect(await refusal("network", "rm", "bridge")).toBe(
    "1: bridge is a pre-defined network and cannot be removed",
  );
  expect(await refusal("network", "rm", "nope")).toBe("1: network nope not found");
  expect((await tsrun("network", "rm", "-f", "nope")).code).toBe(0);
  expect(await output("network", "prune", "-f")).toBe("Deleted Networks:\nidle\n");
  await output("stop", "-t", "0", "c-1");
  expect(await output("network", "rm", "front")).toBe("front");
  expect(await refusal("start", "c-1")).toBe("1: network front not found");
  await output("network", "create", "front");
  await output("start", "c-1");
  expect(await networksOf("c-1")).toEqual(["front"]);
});

describe("connect and disconnect", () => {
  test("change a container that runs, at once, and every later start", async () => {
    await output("network", "create", "--subnet", "10.7.0.0/24", "front");
    await output("network", "create", "back");
    await run("web", "--network", "back");
    await output("network", "connect", "--ip", "10.7.0.50", "--alias", "www", "front", "web");
    expect(await output("exec", "web", "ip", "addr", "show", "eth1")).toContain("inet 10.7.0.50/24");
    expect(await output("exec", "web", "cat", "/etc/hosts")).toContain("10.7.0.50\t");
    expect(await inspect("web", "{{json .NetworkSettings.Networks.front.Aliases}}")).toBe('["www"]');
    expect(await output("ps", "--filter", "network=front", "--format", "{{.Names}} {{.Networks}}")).toBe(
      "web back,front",
    );
    expect(await refusal("network", "connect", "front", "web")).toBe(
      "1: endpoint with name web already exists in network front",
    );

    await output("restart", "-t", "0", "web");
    expect(await output("exec", "web", "ip", "addr", "show", "eth1")).toContain("inet 10.7.0.50/24");
    await output("network", "disconnect", "back", "web");
    expect(await networksOf("web")).toEqual(["front"]);
    expect(await output("exec", "web", "ip", "route")).toContain("default via 10.7.0.1 dev eth1");
    expect((await tsrun("exec", "web", "ip", "link", "show", "eth0")).code).not.toBe(0);
    expect(await refusal("network", "disconnect", "back", "web")).toMatch(
      /^1: container [0-9a-f]{64} is not connected to network back$/,
    );
    await output("network", "rm", "back");

    // At its end nothing of what was connected meanwhile is left.
    await output("kill", "web");
    expect(await output("network", "inspect", "-f", "{{len .Containers}}", "front")).toBe("0");
    await run("next", "--network", "front", "--ip", "10.7.0.50");
  });

  test("change a container that does not run", async () => {
    await output("network", "create", "front");
    await output("create", "--name", "web", ...SLEEPER);
    await output("network", "connect", "front", "web");
    await output("network", "disconnect", "bridge", "web");
    await output("start", "web");
    expect(await networksOf("web")).toEqual(["front"]);
    expect(await output("exec", "web", "ls", "/sys/class/net")).toBe("eth0\nlo");
  });

  test("take a container from none to a network", async () => {
    await output("network", "create", "front");
    await run("web", "--network", "none");
    expect(await refusal("network", "connect", "front", "web")).toBe(
      "1: container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
    await output("network", "disconnect", "none", "web");
    await output("network", "connect", "front", "web");
    expect(await output("exec", "web", "ip", "route")).toContain("default via");
  });

  test("are told as events, and a new name is known to the network at once", async () => {
    const since = String(Date.now() / 1000);
    const id = await output("network", "create", "front");
    await run("web");
    await output("network", "connect", "front", "web");
    await output("rename", "web", "shop");
    expect(await output("network", "inspect", "-f", "{{range .Containers}}{{.Name}}{{end}}", "front")).toBe(
      "shop",
    );
    await output("network", "disconnect", "front", "shop");
    await output("network", "rm", "front");
    const events = [
      "events",
      "--since",
      since,
      "--until",
      "0s",
      "-f",
      `network=${id}`,
      "--format",
      "{{.Action}}",
    ];
    expect(await output(...events)).toBe("create\nconnect\ndisconnect\ndestroy");
  });
});

test("a container's end takes it off the networks that it has then, once each", async () => {
  for (const network of ["front", "back"]) await output("network", "create", network);
  const since = String(Date.now() / 1000);
  await run("web");
  await output("network", "connect", "front", "web");
  await output("network", "connect", "back", "web");
  await output("network", "disconnect", "bridge", "web");
  await output("network", "disconnect", "front", "web");
  await output("kill", "web");
  const template = '{{.Action}} {{index .Actor.Attributes "name"}}';
  const events = ["events", "--since", since, "--until", "0s", "-f", "type=network", "--format", template];
  expect((await output(...events)).split("\n")).toEqual([
    "connect bridge",
    "connect front",
    "connect back",
    "disconnect bridge",
    "disconnect front",
    "disconnect back",
  ]);
});

describe("another container's network", () => {
  test("is shared with its names; the two talk by loopback", async () => {
    await run("web", "-h", "shop");
    const served = output("exec", "web", "sh", "-c", "echo hello | nc -l -p 7000");
    const listening = `grep -q ':1B58 0*:0000 0A' /proc/net/tcp /proc/net/tcp6`; // port 7000
    await expect.poll(async () => (await tsrun("exec", "web", "sh", "-c", listening)).code).toBe(0);
    const join = ["run", "--rm", "--network", "container:web", IMAGE];
    expect(await output(...join, "sh", "-c", "hostname; nc -w 3 127.0.0.1 7000 </dev/null")).toBe(
      "shop\nhello",
    );
    await served;
    await run("side", "--network", "container:web");
    expect(await output("run", "--rm", "--network", "container:side", IMAGE, "cat", "/etc/hosts")).toBe(
      await output("exec", "web", "cat", "/etc/hosts"),
    );
    const [own, shared] = [
      await output("exec", "web", "cat", "/etc/hosts"),
      await output(...join, "cat", "/etc/hosts"),
    ];
    expect(shared).toBe(own);
    expect(await output("exec", "web", "ip", "link", "show", "eth0")).toContain("UP");
  });

  test("needs one that runs, and leaves nothing to say of one's own", async () => {
    const id = await run("web");
    const flags = (...more: string[]) =>
      refusal("run", "--rm", "--network", "container:web", ...more, IMAGE, "true");
    expect(await flags("-h", "x")).toBe("125: conflicting options: hostname and the network mode");
    expect(await flags("--dns", "1.1.1.1")).toBe("125: conflicting options: dns and the network mode");
    expect(await flags("--add-host", "a:1.1.1.1")).toBe(
      "125: conflicting options: custom host-to-IP mapping and the network mode",
    );
    expect(await flags("--mac-address", "02:42:ac:11:00:99")).toBe(
      "125: conflicting options: mac-address and the network mode",
    );
    expect(await refusal("run", "--rm", "--network", "container:nope", IMAGE, "true")).toBe(
      "125: No such container: nope",
    );
    await output("stop", "-t", "0", "web");
    expect(await flags()).toBe(`125: cannot join network of a non running container: ${id}`);
  });
});

test("addresses that cannot be had are refused in docker's words", async () => {
  await output("network", "create", "--subnet", "10.8.0.0/24", "asked");
  await output("network", "create", "chosen");
  const ip = (network: string, address: string) =>
    refusal("run", "--rm", "--network", network, "--ip", address, IMAGE, "true");
  expect(await ip("asked", "10.9.0.9")).toBe(
    "125: Invalid address 10.9.0.9: It does not belong to any of this network's subnets",
  );
  expect(await ip("chosen", "172.18.0.9")).toContain(
    "only when connecting to networks with user configured subnets",
  );
  expect(await ip("bridge", "172.17.0.9")).toContain("is supported on user-defined networks only");
  expect(await refusal("run", "--rm", "--network", "nope", IMAGE, "true")).toBe(
    "125: network nope not found",
  );
  expect(await refusal("run", "--rm", "--network-alias", "x", IMAGE, "true")).toBe(
    "125: network-scoped aliases are only supported for user-defined networks",
  );
});

test("a link address, driver options and link-local addresses are what was asked for", async () => {
  await output("network", "create", "front");
  await run(
    "web",
    "--network",
    "name=front,mac-address=02:00:00:00:00:77,driver-opt=com.docker.network.endpoint.ifname=lan0,link-local-ip=169.254.9.9",
  );
  const shown = await output("exec", "web", "ip", "addr", "show", "lan0");
  expect(shown).toContain("link/ether 02:00:00:00:00:77");
  expect(shown).toContain("inet 169.254.9.9/16");
});

test("--link on the default network: a name and variables", async () => {
  await run("db-1", "-e", "SECRET=1");
  const shown = await output(
    "run",
    "--rm",
    "--link",
    "db-1:db",
    IMAGE,
    "sh",
    "-c",
    "grep db /etc/hosts; env",
  );
  const address = await inspect("db-1", "{{.NetworkSettings.IPAddress}}");
  expect(shown).toMatch(new RegExp(`^${address}\tdb [0-9a-f]{12} db-1$`, "m"));
  expect(shown).toMatch(/^DB_NAME=\/\w+\/db$/m);
  expect(shown).toContain("DB_ENV_SECRET=1");
  expect(await refusal("run", "--rm", "--link", "nope", IMAGE, "true")).toBe(
    "125: could not get container for nope: No such container: nope",
  );
});

describe("macvlan", () => {
  test("gives containers an address of their own beside the host's link", async () => {
    await host.shell(
      "ip link add lan0 type veth peer name lan1; ip link set lan0 up; ip link set lan1 up; ip addr add 10.9.0.1/24 dev lan1",
    );
    try {
      await output(
        "network",
        "create",
        "-d",
        "macvlan",
        "--subnet",
        "10.9.0.0/24",
        "-o",
        "parent=lan0",
        "lan",
      );
      await run("web", "--network", "lan");
      await run("db-1", "--network", "lan");
      expect(await output("exec", "web", "ping", "-c1", "-W3", "10.9.0.3")).toContain("1 packets received");
      expect(await output("exec", "web", "ping", "-c1", "-W3", "10.9.0.1")).toContain("1 packets received");
      await output("network", "disconnect", "lan", "web");
      expect((await host.shell("ip link show lan0")).code).toBe(0);
    } finally {
      await host.shell("ip link del lan0");
    }
  });

  test("without a parent is all inside, and leaves no link", async () => {
    const probe = await host.shell("ip link add probe0 type dummy && ip link del probe0");
    if (probe.code !== 0) {
      // A kernel without the driver: nothing of the network is left, and the message says what is missing.
      const refused = await tsrun("network", "create", "-d", "macvlan", "inside");
      expect(refused.stderr).toMatch(/modprobe.*dummy/);
      expect(await output("network", "ls", "-q", "--filter", "type=custom")).toBe("");
      return;
    }
    const id = await output("network", "create", "-d", "macvlan", "--subnet", "10.9.0.0/24", "inside");
    const link = `dm-${id.slice(0, 12)}`;
    expect((await host.shell(`ip link show ${link}`)).code).toBe(0);
    await run("web", "--network", "inside");
    expect(await output("exec", "web", "ip", "route")).not.toContain("default");
    await output("rm", "-f", "web");
    await output("network", "rm", "inside");
    expect((await host.shell(`ip link show ${link}`)).code).not.toBe(0);
  });
});

describe("repair", () => {
  const bridge = async (): Promise<string> =>
    `br-${(await output("network", "inspect", "-f", "{{.Id}}", "front")).slice(0, 12)}`;

  test("rules and bridges that others have removed are put back by ls, and containers with them", async () => {
    await output("network", "create", "front");
    await run("web", "--network", "front");
    await run("db-1", "--network", "front");
    const address = await inspect("db-1", "{{.NetworkSettings.Networks.front.IPAddress}}");
    const name = await bridge();
    await host.shell(`nft flush ruleset; ip link del ${name}`);
    expect((await tsrun("exec", "web", "ping", "-c1", "-W1", address)).code).not.toBe(0);
    await output("network", "ls");
    expect(await output("exec", "web", "ping", "-c1", "-W3", address)).toContain("1 packets received");
    expect((await host.shell("nft list ruleset")).stdout).toContain(`to-${name}`);
  });

  test("after a boot a start makes what it needs", async () => {
    await output("network", "create", "--subnet", "10.10.0.0/24", "front");
    await run("web", "--network", "front");
    await output("stop", "-t", "0", "web");
    await host.shell(
      `nft flush ruleset; ip link del ${await bridge()}; rm -rf ${host.run}/networks ${host.run}/locks`,
    );
    await output("start", "web");
    expect(await output("exec", "web", "ping", "-c1", "-W3", "10.10.0.1")).toContain("1 packets received");
  });

  test("a monitor that was killed leaves a network that can be used and removed", async () => {
    await output("network", "create", "--subnet", "10.11.0.0/24", "front");
    await run("web", "--network", "front", "--ip", "10.11.0.9");
    const pid = JSON.parse((await host.shell(`cat ${host.root}/containers/*/state.json`)).stdout).monitorPid;
    process.kill(pid, "SIGKILL");
    await expect.poll(() => inspect("web", "{{.State.Status}}")).toBe("exited");
    await run("next", "--network", "front", "--ip", "10.11.0.9");
    await output("rm", "-f", "next", "web");
    await output("network", "rm", "front");
  });
});

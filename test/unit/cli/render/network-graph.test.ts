import { describe, expect, test } from "vitest";
import { isUtf8, renderNetworkGraph } from "../../../../src/cli/render/network-graph.ts";
import type { NetworkGraph } from "../../../../src/engine/api.ts";

const link = (name: string, addresses: string[] = []) => ({
  index: 2,
  name,
  kind: undefined,
  up: true,
  macAddress: "02:42:0a:01:00:02",
  mtu: 1500,
  addresses,
});

const graph: NetworkGraph = {
  id: "1a2b3c4d5e6f".padEnd(64, "0"),
  name: "front",
  driver: "bridge",
  internal: false,
  containers: [
    {
      id: "f".repeat(64),
      name: "web",
      pid: 42,
      namespace: "net:[4026532281]",
      interface: link("eth0", ["10.1.0.2/16", "fd00:1111:2222:3333::2/64", "fe80::42:acff:fe11:2/64"]),
      hostLink: link("veth1a2b3c4"),
      routes: [
        { destination: "default", gateway: "10.1.0.1", device: "eth0" },
        { destination: "10.1.0.0/16", gateway: undefined, device: "eth0" },
      ],
      ports: [
        {
          protocol: "tcp",
          hostAddress: "::",
          hostPort: 8080,
          address: "fd00::2",
          port: 80,
          table: "t-ports",
          map: "published6_any",
          element: "tcp . 8080 : fd00::2 . 80",
        },
      ],
    },
  ],
  bridge: link("br-1a2b3c4d5e6f", ["10.1.0.1/16"]),
  otherPorts: ["veth0000000"],
  chains: [
    { table: "t", name: "forward", hook: "type filter hook forward;", from: undefined, by: [], rules: ["x"] },
    { table: "t", name: "admin", hook: "type filter hook forward;", from: "forward", by: [], rules: [] },
    {
      table: "t",
      name: "to-br-1a2b3c4d5e6f",
      hook: "type filter hook forward;",
      from: "forward",
      by: ['to { "br-1a2b3c4d5e6f" : jump to-br-1a2b3c4d5e6f }'],
      rules: ["ct state established,related accept", "drop"],
    },
  ],
  host: {
    forwarding: { ipv4: true, ipv6: false },
    routes: [{ destination: "default", gateway: "192.0.2.1", device: "wan0" }],
    links: [link("wan0", ["192.0.2.2/24"])],
  },
};

describe("the graph of a network", () => {
  test("goes from the container down to the host's way out", () => {
    expect(renderNetworkGraph(graph, { unicode: true })).toBe(`\
Network front: bridge, 1a2b3c4d5e6f

┌─ container web                process 42, net:[4026532281]
│    eth0                       10.1.0.2/16, fd00:1111:2222:3333::2/64, fe80::42:acff:fe11:2/64,
│                               02:42:0a:01:00:02, up, mtu 1500
│    routes                     default via 10.1.0.1 dev eth0
│                               10.1.0.0/16 dev eth0
│    published                  [::]:8080/tcp → [fd00::2]:80, by published6_any
│    eth0 ══ veth1a2b3c4        veth pair; 02:42:0a:01:00:02, up, mtu 1500
│
├─ bridge br-1a2b3c4d5e6f       10.1.0.1/16, 02:42:0a:01:00:02, up, mtu 1500
│    ports                      veth1a2b3c4, veth0000000
│
├─ nft chain forward            inet t: type filter hook forward;
│                               x
│    ├─ admin                   by a jump of forward
│    │                          no rules; an administrator's own go here, and are asked first
│    └─ to-br-1a2b3c4d5e6f      by to { "br-1a2b3c4d5e6f" : jump to-br-1a2b3c4d5e6f }
│                               ct state established,related accept
│                               drop
│
└─ host                         forwards IPv4
     routes                     default via 192.0.2.1 dev wan0
     wan0                       192.0.2.2/24, 02:42:0a:01:00:02, up, mtu 1500

Look for yourself:
  nsenter -t 42 -n ip addr; nsenter -t 42 -n ip route
  ip addr show br-1a2b3c4d5e6f; ip link show master br-1a2b3c4d5e6f
  nft list table inet t
  ip route; sysctl net.ipv4.ip_forward
`);
  });

  test("is 100 columns wide at most, and the same in ASCII", () => {
    const ascii = renderNetworkGraph(graph, { unicode: false });
    for (const line of ascii.split("\n")) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      expect(line.length).toBeLessThanOrEqual(100);
    }
    expect(ascii).toContain("|    +- admin ");
    expect(ascii).toContain("eth0 == veth1a2b3c4");
  });

  test("says what there is not", () => {
    const host = { forwarding: { ipv4: false, ipv6: false }, routes: [], links: [] };
    const empty = { ...graph, internal: true, containers: [], bridge: undefined, chains: [], host };
    const text = renderNetworkGraph(empty, { unicode: false });
    expect(text).toMatch(/no container +none runs on this network now/);
    expect(text).toMatch(/bridge +not there/);
    expect(text).toMatch(/host +forwards nothing, and nothing of an internal network/);
  });
});

test.each([
  [{ LANG: "de_DE.UTF-8" }, true],
  [{ LC_ALL: "C", LANG: "C.UTF-8" }, false],
  [{ LC_ALL: "", LC_CTYPE: "C.utf8" }, true],
  [{}, false],
])("the locale %j has box-drawing characters: %j", (env, expected) => {
  expect(isUtf8(env)).toBe(expected);
});

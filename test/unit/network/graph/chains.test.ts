import { describe, expect, test } from "vitest";
import { chainsOf, type NamedTable, portsTo } from "../../../../src/network/graph/chains.ts";

const hook = (kind: string, where: string, priority: string): string =>
  `type ${kind} hook ${where} priority ${priority}; policy accept;`;
const chain = (name: string, rules: string[], at?: string) => ({ name, hook: at, rules });

const networks: NamedTable = {
  name: "t",
  chains: [
    chain("postrouting", ["ip saddr vmap @source4"], hook("nat", "postrouting", "srcnat")),
    chain("forward", ["jump admin", "oifname vmap @to"], hook("filter", "forward", "filter")),
    chain("admin", ["ip saddr 10.9.9.9 jump mine"]),
    chain("mine", ["drop"]),
    chain("to-br-1", ["drop"]),
    chain("to-br-10", ["accept"]),
    chain("source-br-1", ["masquerade"]),
  ],
  maps: [
    {
      name: "to",
      elements: [
        { key: '"br-10"', value: "jump to-br-10" },
        { key: '"br-1"', value: "jump to-br-1" },
      ],
    },
    { name: "source4", elements: [{ key: "10.1.0.0/16", value: "jump source-br-1" }] },
  ],
};

const ports = (bridge: string): NamedTable => ({
  name: "t-ports",
  chains: [
    chain("prerouting", ["fib daddr type local jump published"], hook("nat", "prerouting", "dstnat")),
    chain("loopback", ["drop"], hook("filter", "prerouting", "raw")),
    chain("published", ["dnat ip to meta l4proto . th dport map @published4_any"]),
  ],
  maps: [
    { name: "bridges", elements: [{ key: `"${bridge}"`, value: undefined }] },
    {
      name: "published4",
      elements: [{ key: "udp . 127.0.0.1 . 53", value: "10.1.0.2 . 5353" }],
    },
    {
      name: "published4_any",
      elements: [
        { key: "tcp . 8080", value: "10.1.0.2 . 80" },
        { key: "tcp . 8081", value: "10.1.0.3 . 80" },
      ],
    },
    { name: "published6_any", elements: [{ key: "tcp . 8080", value: "fd00::2 . 80" }] },
  ],
});

describe("the chains of a network", () => {
  test("stand in the order of the hooks, each before what it calls, an administrator's own included", () => {
    const found = chainsOf([networks, ports("br-1")], "br-1");
    expect(found.map(({ table, name, from }) => `${table} ${from ?? ""}>${name}`)).toEqual([
      "t-ports >loopback",
      "t-ports >prerouting",
      "t-ports prerouting>published",
      "t >forward",
      "t forward>admin",
      "t admin>mine",
      "t forward>to-br-1",
      "t >postrouting",
      "t postrouting>source-br-1",
    ]);
    expect(found.at(-1)).toMatchObject({
      by: ["source4 { 10.1.0.0/16 : jump source-br-1 }"],
      rules: ["masquerade"],
      hook: expect.stringContaining("hook postrouting"),
    });
  });

  test("leave out those of ports where none leads to the network", () => {
    expect(chainsOf([ports("br-10")], "br-1")).toEqual([]);
  });
});

test("ports are the elements that lead to the addresses", () => {
  const found = portsTo([networks, ports("br-1")], ["10.1.0.2", "fd00::2"]);
  const described = found.map(
    (port) =>
      `${port.protocol} ${port.hostAddress} ${port.hostPort} ${port.address} ${port.port} ${port.map}`,
  );
  expect(described).toEqual([
    "udp 127.0.0.1 53 10.1.0.2 5353 published4",
    "tcp 0.0.0.0 8080 10.1.0.2 80 published4_any",
    "tcp :: 8080 fd00::2 80 published6_any",
  ]);
  expect(found[1]?.element).toBe("tcp . 8080 : 10.1.0.2 . 80");
});

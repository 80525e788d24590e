import { describe, expect, test } from "vitest";
import {
  type FirewallNetwork,
  mark,
  networkRules,
  removalRules,
} from "../../../src/network/firewall-rules.ts";

const network: FirewallNetwork = {
  bridge: "br-1",
  subnets: ["10.1.0.0/16", "fd00:1::/64"],
  internal: false,
  masquerade: true,
  interContainer: true,
};

describe("the rules of a network", () => {
  test("let answers and neighbours in and nobody else; what leaves gets the host's address", () => {
    const text = networkRules("t", network);
    expect(text).toMatch(
      /ct state established,related accept\s+ct status dnat accept\s+iifname "br-1" accept\s+drop/,
    );
    expect(text).toContain('add element inet t to { "br-1" : jump to-br-1 }');
    expect(text).toContain("add element inet t source4 { 10.1.0.0/16 : jump source-br-1 }");
    expect(text).toContain("add element inet t source6 { fd00:1::/64 : jump source-br-1 }");
    expect(text).not.toContain("from-br-1");
  });

  test("of an internal one keep everything inside", () => {
    const text = networkRules("t", { ...network, internal: true, masquerade: false });
    expect(text).toContain('chain from-br-1 { oifname != "br-1" drop; }');
    expect(text).not.toContain("masquerade;");
  });

  test("are told apart by their mark, which fits into a comment", () => {
    const widest = {
      ...network,
      subnets: ["255.255.255.255/32", `${"ffff:".repeat(7)}ffff/128`],
      interContainer: false,
    };
    const marks = [network, { ...network, internal: true }, { ...network, masquerade: false }, widest].map(
      mark,
    );
    expect(new Set(marks).size).toBe(4);
    for (const text of marks) expect(text.length).toBeLessThan(128);
  });
});

test("removing finds a network's own elements and chains, also those of an older subnet", () => {
  const listed = `table inet t {
\tmap to {
\t\ttype ifname : verdict
\t\telements = { "br-1" : jump to-br-1,
\t\t\t     "br-11" : jump to-br-11 }
\t}

\tmap source4 {
\t\ttype ipv4_addr : verdict
\t\telements = { 10.1.0.0/16 : jump source-br-1, 10.11.0.0/16 : jump source-br-11,
\t\t\t     10.9.0.0/16 : jump source-br-1 }
\t}

\tchain admin {
\t}

\tchain to-br-1 {
\t\tdrop
\t}

\tchain to-br-11 {
\t\tdrop
\t}

\tchain source-br-1 {
\t}
}`;
  expect(removalRules("t", "br-1", listed).trim().split("\n")).toEqual([
    'delete element inet t to { "br-1" }',
    "delete element inet t source4 { 10.1.0.0/16 }",
    "delete element inet t source4 { 10.9.0.0/16 }",
    "delete chain inet t to-br-1",
    "delete chain inet t source-br-1",
  ]);
});

import { describe, expect, test } from "vitest";
import { parseNftTable } from "../../../src/kernel/nft-listing.ts";

const LISTING = `table inet t {
	map to {
		type ifname : verdict
		elements = { "tsrun0" : jump to-tsrun0,
			     "br-1" : jump to-br-1 }
	}

	map from {
		type ifname : verdict
	}

	set hairpins6 {
		type ifname . ipv6_addr
		flags interval
		elements = { "br-1" . fd00:1::/64 }
	}

	chain admin {
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		jump admin
		oifname vmap @to
	}

	chain to-br-1 {
		comment "tsrun 2: 10.1.0.0/16"
		ct state established,related accept
		drop comment "the rest"
	}
}
`;

describe("a table as nft lists it", () => {
  const table = parseNftTable(LISTING);

  test("has chains, the kernel's hooks among them", () => {
    expect(table.chains).toEqual([
      { name: "admin", hook: undefined, rules: [] },
      {
        name: "forward",
        hook: "type filter hook forward priority filter; policy accept;",
        rules: ["jump admin", "oifname vmap @to"],
      },
      {
        name: "to-br-1",
        hook: undefined,
        rules: ["ct state established,related accept", 'drop comment "the rest"'],
      },
    ]);
  });

  test("has maps and sets, their elements on however many lines", () => {
    expect(table.maps).toEqual([
      {
        name: "to",
        elements: [
          { key: '"tsrun0"', value: "jump to-tsrun0" },
          { key: '"br-1"', value: "jump to-br-1" },
        ],
      },
      { name: "from", elements: [] },
      { name: "hairpins6", elements: [{ key: '"br-1" . fd00:1::/64', value: undefined }] },
    ]);
  });
});

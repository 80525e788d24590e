import { expect, test } from "vitest";
import { reverseName } from "../../../../src/network/dns/reverse.ts";

const zeros = (count: number): string => "0.".repeat(count);

test.each([
  ["172.18.0.2", "2.0.18.172.in-addr.arpa"],
  ["fd00::3", `3.${zeros(27)}0.0.d.f.ip6.arpa`],
  ["2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"],
  ["FE80::A", `a.${zeros(27)}0.8.e.f.ip6.arpa`],
])("%s", (address, name) => {
  expect(reverseName(address)).toBe(name);
});

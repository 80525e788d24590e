import { describe, expect, test } from "vitest";
import { ipBytes, ipText } from "../../../src/kernel/ip-address.ts";
import { contains, firstHost, formatCidr, overlaps, parseCidr, parseIp } from "../../../src/network/ip.ts";

describe("addresses", () => {
  test.each([
    ["172.17.0.2", "172.17.0.2"],
    ["::", "::"],
    ["::1", "::1"],
    ["FD00:0:0:0:1:0:0:0", "fd00::1:0:0:0"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8::1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ])("%s is written %s", (text, canonical) => {
    expect(ipText(ipBytes(text) ?? Buffer.alloc(4))).toBe(canonical);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "g::",
    "fe80::1%eth0",
    "1:2:3:4:5:6:7::8:9",
  ])("%j is none", (text) => expect(ipBytes(text)).toBeUndefined());

  test("any bytes have a text that is read back", () => {
    for (let round = 0; round < 2000; round++) {
      const zeros = Math.random();
      const bytes = Buffer.from(
        Array.from({ length: 16 }, () => (Math.random() < zeros ? 0 : Math.floor(Math.random() * 256))),
      );
      expect(ipBytes(ipText(bytes))).toEqual(bytes);
    }
  });
});

describe("ranges", () => {
  test.each([
    ["172.17.3.4/16", "172.17.0.0/16", "172.17.0.1"],
    ["0.0.0.0/0", "0.0.0.0/0", "0.0.0.1"],
    ["fd00:1:2:3:4::/64", "fd00:1:2:3::/64", "fd00:1:2:3::1"],
  ])("%s is %s, from %s on", (text, canonical, first) => {
    const cidr = parseCidr(text);
    expect(cidr && formatCidr(cidr)).toBe(canonical);
    expect(cidr && firstHost(cidr)).toBe(first);
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/x", "10.0.0.0/8/8", "zz/8"])(
    "%j is none",
    (text) => expect(parseCidr(text)).toBeUndefined(),
  );

  test("families do not overlap, whatever their numbers", () => {
    const [four, six] = ["0.0.0.0/0", "::/0"].map((text) => parseCidr(text));
    if (!four || !six) throw new Error("no range");
    expect([overlaps(four, six), overlaps(four, four)]).toEqual([false, true]);
    const address = parseIp("10.0.0.1");
    expect(address && [contains(four, address), contains(six, address)]).toEqual([true, false]);
  });
});

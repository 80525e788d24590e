import { describe, expect, test } from "vitest";
import {
  broadcastOf,
  formatIpv4,
  formatSubnet,
  gatewayOf,
  macOf,
  overlap,
  parseIpv4,
  parseSubnet,
  type Subnet,
  subnetSize,
} from "../../../src/network/ipv4.ts";

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === undefined) throw new Error(`${text} is no subnet`);
  return parsed;
};

describe("addresses", () => {
  test("are unsigned numbers in network order", () => {
    expect(parseIpv4("172.17.0.2")).toBe(0xac110002);
    expect(parseIpv4("255.255.255.255")).toBe(0xffffffff);
    expect(formatIpv4(0xac110002)).toBe("172.17.0.2");
    expect(formatIpv4(0xfffffffe)).toBe("255.255.255.254");
  });

  test.each(["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1.2.3.4 ", "1.2.3.-4"])(
    "%j is none",
    (text) => {
      expect(parseIpv4(text)).toBeUndefined();
    },
  );

  test("give the MAC address that docker derives from them", () => {
    expect(macOf(0xac110002)).toBe("02:42:ac:11:00:02");
  });
});

describe("subnets", () => {
  test("lose their host bits", () => {
    expect(formatSubnet(subnet("172.17.42.1/16"))).toBe("172.17.0.0/16");
    expect(formatSubnet(subnet("10.0.0.255/28"))).toBe("10.0.0.240/28");
    expect(formatSubnet(subnet("10.0.0.1/0"))).toBe("0.0.0.0/0");
  });

  test.each(["172.17.0.0", "172.17.0.0/33", "172.17.0.0/", "172.17.0.0/16/2", "x/16"])(
    "%j is none",
    (text) => {
      expect(parseSubnet(text)).toBeUndefined();
    },
  );

  test("have a first, a last and a number of addresses", () => {
    const small = subnet("192.168.240.0/20");
    expect(formatIpv4(gatewayOf(small))).toBe("192.168.240.1");
    expect(formatIpv4(broadcastOf(small))).toBe("192.168.255.255");
    expect(subnetSize(small)).toBe(4096);
  });

  test("overlap where one contains the other, in either order, and not where they touch", () => {
    expect(overlap(subnet("172.16.0.0/12"), subnet("172.17.3.0/24"))).toBe(true);
    expect(overlap(subnet("172.17.3.0/24"), subnet("172.16.0.0/12"))).toBe(true);
    expect(overlap(subnet("172.17.0.0/16"), subnet("172.18.0.0/16"))).toBe(false);
    expect(overlap(subnet("255.255.255.0/24"), subnet("255.255.255.255/32"))).toBe(true);
  });
});

import { expect, test } from "vitest";
import { formatSubnet, parseSubnet, type Subnet } from "../../../src/network/ipv4.ts";
import { chooseSubnet } from "../../../src/network/pools.ts";

const used = (...texts: string[]): Subnet[] =>
  texts.map((text) => parseSubnet(text)).filter((s) => s !== undefined);
const choose = (...claimed: string[]): string => formatSubnet(chooseSubnet([], used(...claimed)));

test("the first subnet is docker's", () => {
  expect(choose()).toBe("172.17.0.0/16");
});

test("what the host uses is passed over, even where only a single address is in it", () => {
  expect(choose("172.17.0.0/16")).toBe("172.18.0.0/16");
  expect(choose("172.17.9.9/32", "172.18.0.0/16", "172.19.0.0/24")).toBe("172.20.0.0/16");
  expect(choose("172.16.0.0/12")).toBe("192.168.0.0/20");
  expect(choose("172.16.0.0/12", "192.168.1.0/24")).toBe("192.168.16.0/20");
});

test("no free subnet is an error that names the pools", () => {
  expect(() => choose("172.16.0.0/12", "192.168.0.0/16")).toThrow(
    expect.objectContaining({
      code: "ERR_TSRUN_NETWORK_NO_SUBNET",
      message: expect.stringContaining("172.17.0.0/16"),
    }),
  );
});

test("pools of the configuration replace docker's", () => {
  const pools = [{ base: "10.201.0.0/16", size: 24 }];
  expect(formatSubnet(chooseSubnet(pools, used("10.201.0.0/24")))).toBe("10.201.1.0/24");
  expect(() => chooseSubnet(pools, used("10.0.0.0/8"))).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_NETWORK_NO_SUBNET" }),
  );
});

test.each([
  { base: "10.0.0.0", size: 24 },
  { base: "10.0.0.0/16", size: 15 },
  { base: "10.0.0.0/16", size: 31 },
  { base: "10.0.0.0/16", size: 24.5 },
])("the pool $base with size $size is refused", (pool) => {
  expect(() => chooseSubnet([pool], [])).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_NETWORK_POOL_INVALID" }),
  );
});

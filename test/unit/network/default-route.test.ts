import { expect, test } from "vitest";
import { AF_INET, AF_INET6 } from "../../../src/kernel/netlink-address.ts";
import { chooseWay, wayOf } from "../../../src/network/default-route.ts";

const way = (network: string, gateway: string, more: { gateway6?: string; priority?: number } = {}) =>
  wayOf(
    { network, gateway, ...(more.gateway6 !== undefined && { gateway6: more.gateway6 }) },
    { network, ...(more.priority !== undefined && { gatewayPriority: more.priority }) },
  );

test("the first name by its letters leads out", () => {
  const ways = [way("sub", "10.5.0.1"), way("bridge", "172.17.0.1"), way("front", "172.18.0.1")];
  expect(chooseWay(ways, AF_INET)?.network).toBe("bridge");
});

test("unless another has the higher priority", () => {
  const ways = [way("a", "10.1.0.1"), way("b", "10.2.0.1", { priority: 1 }), way("c", "", { priority: 2 })];
  expect(chooseWay(ways, AF_INET)?.network).toBe("b");
});

test("each family finds its own way, and none where there is none", () => {
  const ways = [way("a", "10.1.0.1"), way("b", "10.2.0.1", { gateway6: "fd00::1" })];
  expect(chooseWay(ways, AF_INET)?.network).toBe("a");
  expect(chooseWay(ways, AF_INET6)?.network).toBe("b");
  expect(chooseWay([way("internal", "")], AF_INET)).toBeUndefined();
});

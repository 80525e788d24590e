import { expect, test } from "vitest";
import { inStartOrder, neededBy } from "../../../src/engine/boot-order.ts";
import { idOf, recordOf } from "./container-fixture.ts";

const joins = (digits: string, other: string) =>
  recordOf(digits, { options: { image: "alpine", network: `container:${idOf(other)}` } });
const linked = (digits: string, ...others: string[]) =>
  recordOf(digits, {
    endpoints: [{ network: "front", networkId: idOf("f"), links: others.map((other) => `${idOf(other)}:x`) }],
  });
const order = (...records: ReturnType<typeof recordOf>[]): string[] =>
  inStartOrder(records).map(({ hostname }) => hostname);

test("a container needs those that it is linked to or whose network it joins", () => {
  expect(neededBy(joins("1", "2"))).toEqual([idOf("2")]);
  expect(neededBy(linked("1", "2", "3"))).toEqual([idOf("2"), idOf("3")]);
  expect(neededBy(recordOf("1"))).toEqual([]);
});

test("each is started after those that it needs, whatever they need themselves", () => {
  expect(order(joins("1", "2"), linked("2", "3"), recordOf("3"), recordOf("4"))).toEqual([
    "3",
    "2",
    "1",
    "4",
  ]);
});

test("the order is kept where nobody needs anybody, or one that is not there", () => {
  expect(order(recordOf("2"), linked("1", "9"), recordOf("3"))).toEqual(["2", "1", "3"]);
});

test("two that need each other are both started", () => {
  expect(order(linked("1", "2"), linked("2", "1")).sort()).toEqual(["1", "2"]);
});

test("so it does those whose processes or shared memory it joins, each once", () => {
  const beside = recordOf("1", {
    options: {
      image: "alpine",
      network: `container:${idOf("2")}`,
      pid: `container:${idOf("2")}`,
      ipc: `container:${idOf("3")}`,
    },
  });
  expect(neededBy(beside)).toEqual([idOf("2"), idOf("3")]);
});

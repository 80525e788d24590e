import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createLine } from "../../../../src/network/dns/line.ts";

/** Takes turns and tells in whose order they came; `end` ends the oldest one of an asker. */
function use(limits: { atOnce: number; share: number; most: number }) {
  const line = createLine(limits);
  const askers = new Map<string, object>();
  const open = new Map<string, (() => void)[]>();
  const turns: string[] = [];
  return {
    turns,
    want(name: string, count = 1): void {
      const asker = askers.get(name) ?? {};
      askers.set(name, asker);
      for (let at = 0; at < count; at++) {
        void line.turn(asker).then((leave) => {
          turns.push(name);
          open.set(name, [...(open.get(name) ?? []), leave]);
        });
      }
    },
    end(name: string): void {
      open.get(name)?.shift()?.();
    },
  };
}

test("so many run at once, and who is there first is first", async () => {
  const line = use({ atOnce: 2, share: 1, most: 9 });
  line.want("a", 4);
  await nextTurn();
  expect(line.turns).toEqual(["a", "a"]);
  line.end("a");
  await nextTurn();
  expect(line.turns).toEqual(["a", "a", "a"]);
});

test("an asker has its share although another one has taken all the room", async () => {
  const line = use({ atOnce: 3, share: 2, most: 9 });
  line.want("greedy", 50);
  line.want("b", 5);
  await nextTurn();
  expect(line.turns).toEqual(["greedy", "greedy", "greedy", "b", "b"]);
  line.end("b");
  await nextTurn();
  expect(line.turns.at(-1)).toBe("b");
});

test("those who wait take turns", async () => {
  const line = use({ atOnce: 4, share: 0, most: 4 });
  line.want("a", 6);
  line.want("b", 2);
  line.want("c", 1);
  await nextTurn();
  for (let at = 0; at < 4; at++) line.end("a");
  await nextTurn();
  expect(line.turns.slice(4).sort()).toEqual(["a", "a", "b", "c"]);
});

test("there are never more than most, whoever has a share", async () => {
  const line = use({ atOnce: 2, share: 2, most: 5 });
  for (const name of ["a", "b", "c", "d"]) line.want(name, 3);
  await nextTurn();
  expect(line.turns).toHaveLength(5);
  line.end("a");
  await nextTurn();
  expect(line.turns).toHaveLength(6);
});

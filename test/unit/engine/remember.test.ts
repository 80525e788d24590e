import { expect, test } from "vitest";
import { frozen, remembering } from "../../../src/engine/remember.ts";

test("an answer is found once, until so many others were", () => {
  const find = remembering<string>(2);
  let asked = 0;
  const ask = (key: string): string => find(key, () => `${key}${++asked}`);
  expect([ask("a"), ask("a"), ask("b"), ask("a")]).toEqual(["a1", "a1", "b2", "a1"]);
  expect([ask("c"), ask("b"), ask("a")]).toEqual(["c3", "b2", "a4"]);
});

test("what could not be found is asked for again", () => {
  const find = remembering<number>(2);
  const fail = (): number => {
    throw new Error("gone");
  };
  expect(() => find("a", fail)).toThrow("gone");
  expect(find("a", () => 1)).toBe(1);
});

test("nobody changes what several share", () => {
  const shared = frozen({ words: ["a"], inner: { name: "b" }, none: null });
  expect(() => shared.words.push("c")).toThrow(TypeError);
  expect(() => Object.assign(shared.inner, { name: "d" })).toThrow(TypeError);
  expect(shared).toEqual({ words: ["a"], inner: { name: "b" }, none: null });
});

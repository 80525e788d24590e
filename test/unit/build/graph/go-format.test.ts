import { expect, test } from "vitest";
import { goDuration, goList, goQuotedList } from "../../../../src/build/graph/go-format.ts";

test.each([
  [0, "0s"],
  [30e9, "30s"],
  [90e9, "1m30s"],
  [3600e9, "1h0m0s"],
  [1.5e9, "1.5s"],
  [1.5e6, "1.5ms"],
  [250e3, "250µs"],
  [7, "7ns"],
])("%i ns are %s", (nanoseconds, text) => {
  expect(goDuration(nanoseconds)).toBe(text);
});

test("lists", () => {
  expect(goList(["a", "b c"])).toBe("[a b c]");
  expect(goQuotedList(["a", 'b "c"'])).toBe('["a" "b \\"c\\""]');
  expect(goQuotedList(["\u001b[1m\u0007\v\\n", "ü €\u00a0\u{1f600}\u{e0001}"])).toBe(
    String.raw`["\x1b[1m\a\v\\n" "ü €\u00a0😀\U000e0001"]`,
  );
});

import { expect, test } from "vitest";
import { exactJson } from "../../../../src/cli/oci/exact-json.ts";

test("numbers of 64 bits keep their digits", () => {
  expect(exactJson({ max: 2n ** 64n - 1n, none: undefined, list: [1n, 2, "3"], deep: { zero: 0n } })).toBe(
    '{"max":18446744073709551615,"list":[1,2,"3"],"deep":{"zero":0}}',
  );
});

test("everything else is JSON", () => {
  const value = { text: 'a"\n', yes: true, nothing: null, half: 0.5, empty: {}, none: [] };
  expect(exactJson(value)).toBe(JSON.stringify(value));
});

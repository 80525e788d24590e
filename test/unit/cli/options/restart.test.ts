import { expect, test } from "vitest";
import { parseRestartPolicy } from "../../../../src/cli/options/restart.ts";

test.each([
  ["no", "no", 0],
  ["always", "always", 0],
  ["always:", "always", 0],
  ["always:0", "always", 0],
  ["unless-stopped", "unless-stopped", 0],
  ["on-failure", "on-failure", 0],
  ["on-failure:5", "on-failure", 5],
])("%s", (text, name, maximumRetryCount) => {
  expect(parseRestartPolicy(text)).toEqual({ name, maximumRetryCount });
});

test("the empty word is no policy", () => expect(parseRestartPolicy("")).toBeUndefined());

test.each([
  [":3", "no policy provided before colon"],
  ["sometimes", "unknown policy 'sometimes'"],
  ["on-failure:many", "must be an integer"],
  ["on-failure:1:2", "must be an integer"],
  ["on-failure:-1", "cannot be negative"],
  ["always:3", "can only be used with 'on-failure'"],
])("%s is refused: %s", (text, reason) => {
  expect(() => parseRestartPolicy(text)).toThrow(reason);
});

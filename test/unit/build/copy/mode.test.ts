import { expect, test } from "vitest";
import { readMode } from "../../../../src/build/copy/mode.ts";

test.each([
  ["0755", 0o600, false, 0o755],
  ["7777", 0o600, true, 0o7777],
  ["u=rwX,go=rX", 0o700, false, 0o755],
  ["u=rwX,go=rX", 0o600, false, 0o644],
  ["u=rwX,go=rX", 0o600, true, 0o755],
  ["+x", 0o644, false, 0o755],
  ["a-w", 0o666, false, 0o444],
  ["g=u", 0o640, false, 0o660],
  ["u+s,+t", 0o755, false, 0o5755],
  ["u=rw,g=r,o=", 0o777, false, 0o640],
  ["go-rwx,u+x-w", 0o666, false, 0o500],
])("%s makes %o (a directory: %s) %o", (text, mode, isDirectory, expected) => {
  expect(readMode(text)(mode, isDirectory).toString(8)).toBe(expected.toString(8));
});

test.each(["8", "0999", "77777", "x", "u", "u=q", "u+r,", ""])("%j is no mode", (text) => {
  expect(() => readMode(text)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_DOCKERFILE_INVALID" }));
});

import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/config.ts";
import { parseLogOptions } from "../../../src/engine/log-options.ts";
import { defaultConfig } from "./container-fixture.ts";

const config = defaultConfig();
const parse = (logOptions: Record<string, string>, more: Partial<Config> = {}) =>
  parseLogOptions({ image: "x", logOptions }, { ...config, ...more });

test("a log that nobody configured cannot fill the disk", () => {
  expect(parse({})).toEqual({ driver: "json-file", maxSize: 10_000_000, maxFiles: 3 });
});

test.each([
  ["10m", 10_000_000],
  ["10M", 10_000_000],
  ["5k", 5000],
  ["5kb", 5000],
  ["1g", 1_000_000_000],
  ["1.5m", 1_500_000],
  ["300", 300],
  ["300b", 300],
  ["-1", 0],
])("max-size %s is %i bytes", (text, bytes) => {
  expect(parse({ "max-size": text }).maxSize).toBe(bytes);
});

test("the container's options win over the configuration's, one by one", () => {
  const settings = { "log-opts": { "max-size": "1k", "max-file": "7" }, "log-driver": "none" as const };
  expect(parse({ "max-size": "2k" }, settings)).toEqual({ driver: "none", maxSize: 2000, maxFiles: 7 });
  const chosen = parseLogOptions({ image: "x", logDriver: "json-file" }, { ...config, ...settings });
  expect(chosen.driver).toBe("json-file");
});

describe("refuses", () => {
  test.each([
    { "max-size": "" },
    { "max-size": "ten" },
    { "max-size": "10x" },
    { "max-size": "-5" },
    { "max-size": "1e3" },
    { "max-file": "0" },
    { "max-file": "-1" },
    { "max-file": "two" },
    { "max-file": "1.5" },
    { tag: "x" },
  ] as Record<string, string>[])("%j", (options) => {
    expect(() => parse(options)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_LOG_OPT_INVALID" }));
  });
});

import { describe, expect, it } from "vitest";
import { parseNanoseconds } from "../../../../src/cli/options/duration.ts";
import { healthCheck, healthFlags } from "../../../../src/cli/options/health.ts";
import { parseArguments } from "../../../../src/cli/parse.ts";

describe("parseNanoseconds", () => {
  it.each([
    ["0", 0],
    ["0s", 0],
    ["300ms", 3e8],
    ["1.5h", 5.4e12],
    ["2h45m", 9.9e12],
    ["1m30s", 9e10],
    ["+5s", 5e9],
    ["-5s", -5e9],
    [".5s", 5e8],
    ["1.s", 1e9],
    ["0.1s", 1e8],
    ["1us", 1000],
    ["1\u00b5s", 1000],
    ["7ns", 7],
  ])("reads %s", (text, nanoseconds) => {
    expect(parseNanoseconds(text)).toBe(nanoseconds);
  });

  it.each([
    ["", 'time: invalid duration ""'],
    ["-", 'time: invalid duration "-"'],
    ["x", 'time: invalid duration "x"'],
    [".", 'time: invalid duration "."'],
    ["1s.", 'time: invalid duration "1s."'],
    ["5", 'time: missing unit in duration "5"'],
    ["1m30", 'time: missing unit in duration "1m30"'],
    ["5d", 'time: unknown unit "d" in duration "5d"'],
    ["5 s", 'time: unknown unit " s" in duration "5 s"'],
    ["3000h", 'time: invalid duration "3000h"'],
    ["9".repeat(60), "time: missing unit"],
  ])("refuses %j", (text, message) => {
    expect(() => parseNanoseconds(text)).toThrow(message);
  });
});

const command = { arguments: { min: 0, max: 0 }, interspersed: true };
const parse = (...argv: string[]) => healthCheck(parseArguments(argv, healthFlags, command).options);

describe("the flags of health checks", () => {
  it("leave it to the image", () => {
    expect(parse()).toBeUndefined();
    expect(parse("--health-cmd", "", "--health-interval", "0", "--health-retries=0")).toBeUndefined();
  });

  it("are docker's", () => {
    expect(
      parse(
        ...["--health-cmd", "curl -f localhost || exit 1", "--health-interval=10s", "--health-timeout", "3s"],
        ...["--health-retries", "5", "--health-start-period", "1m", "--health-start-interval", "500ms"],
      ),
    ).toEqual({
      test: ["CMD-SHELL", "curl -f localhost || exit 1"],
      interval: 10e9,
      timeout: 3e9,
      retries: 5,
      startPeriod: 60e9,
      startInterval: 5e8,
    });
    expect(parse("--health-retries", "5")).toEqual({ retries: 5 });
    expect(parse("--no-healthcheck")).toEqual({ test: ["NONE"] });
  });

  it.each([
    [["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts with --health-* options"],
    [["--no-healthcheck", "--health-retries", "1"], "--no-healthcheck conflicts with --health-* options"],
    [["--health-interval", "-1s"], "--health-interval cannot be negative"],
    [["--health-timeout", "-1s"], "--health-timeout cannot be negative"],
    [["--health-start-period", "-1s"], "--health-start-period cannot be negative"],
    [["--health-start-interval", "-1s"], "--health-start-interval cannot be negative"],
    [["--health-retries", "-1"], "--health-retries cannot be negative"],
    [["--health-interval", "soon"], 'invalid argument "soon" for "--health-interval" flag'],
  ])("refuse %j", (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });
});

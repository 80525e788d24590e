import { describe, expect, test } from "vitest";
import { envValue, mergeEnv, processEnv, validateEnv } from "../../../src/engine/env.ts";

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const context = { hostname: "box", home: "/root", terminal: false };

describe("mergeEnv", () => {
  test("the user's first, then the image's that the user did not set", () => {
    expect(mergeEnv(["A=1", "PATH=/x"], ["PATH=/bin", "B=2"])).toEqual(["A=1", "PATH=/x", "B=2"]);
  });
  test("of two equal names the later value wins", () => {
    expect(mergeEnv(["A=1", "B=1", "A=2"], [])).toEqual(["A=2", "B=1"]);
  });
  test("a name alone takes the image's variable away", () => {
    expect(processEnv(mergeEnv(["A"], ["A=1"]), context)).toEqual([PATH, "HOSTNAME=box", "HOME=/root"]);
  });
});

describe("processEnv", () => {
  test("defaults, with a terminal TERM too, and HOME at the end", () => {
    expect(processEnv([], context)).toEqual([PATH, "HOSTNAME=box", "HOME=/root"]);
    expect(processEnv(["A=1"], { ...context, terminal: true })).toEqual([
      PATH,
      "HOSTNAME=box",
      "TERM=xterm",
      "A=1",
      "HOME=/root",
    ]);
  });
  test("a default is replaced where it stands", () => {
    expect(processEnv(["A=1", "PATH=/bin", "TERM=vt100"], { ...context, terminal: true })).toEqual([
      "PATH=/bin",
      "HOSTNAME=box",
      "TERM=vt100",
      "A=1",
      "HOME=/root",
    ]);
  });
  test("HOME is kept where set, filled in where empty", () => {
    expect(processEnv(["HOME=/h", "B=1"], context)).toEqual([PATH, "HOSTNAME=box", "HOME=/h", "B=1"]);
    expect(processEnv(["HOME=", "B=1"], context)).toEqual([PATH, "HOSTNAME=box", "HOME=/root", "B=1"]);
    expect(processEnv([], { ...context, home: "" })).toContain("HOME=/");
  });
  test("a name alone removes a default", () => {
    expect(processEnv(["PATH"], context)).toEqual(["HOSTNAME=box", "HOME=/root"]);
  });
  test("values may hold equals signs and newlines", () => {
    expect(processEnv(["A=b=c\nd"], context)).toContain("A=b=c\nd");
  });
});

test("envValue", () => {
  expect(envValue(["PATHS=1", "PATH=/a=b"], "PATH")).toBe("/a=b");
  expect(envValue([], "PATH")).toBeUndefined();
});

test.each(["", "=x", "A=\0"])("validateEnv refuses %j", (entry) => {
  expect(() => validateEnv(["A=1", entry])).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_ENV_INVALID" }),
  );
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEnvFile } from "../../../../src/cli/options/env-file.ts";
import {
  logOptions,
  parseEnv,
  parseExtraHost,
  parseLabel,
  parseLogDriver,
  parseSysctl,
  resolveEnv,
  toRecord,
} from "../../../../src/cli/options/pairs.ts";

describe("readEnvFile", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "tsrun-env-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const read = (content: string | Buffer, env: Record<string, string> = {}) => {
    const path = join(directory, "env");
    writeFileSync(path, content);
    return readEnvFile(path, (name) => env[name]);
  };

  it("keeps values as they are written", () => {
    expect(read('\uFEFFA=b\n\n  # comment\n  C= "d" # e\r\nF=\nG=h=i')).toEqual([
      "A=b",
      'C= "d" # e',
      "F=",
      "G=h=i",
    ]);
  });

  it("takes the value of a bare name from the environment, if it has one", () => {
    expect(read("HOME\nNOT_SET\n", { HOME: "/root" })).toEqual(["HOME=/root"]);
  });

  it.each([
    ["=x", "no variable name on line '=x'"],
    ["A B=c", "variable 'A B' contains whitespaces"],
    [Buffer.from("OK=1\nA\xff=c\n", "latin1"), "invalid utf8 bytes at line 2"],
  ])("refuses %j", (content, message) => {
    expect(() => read(content)).toThrow(message);
  });

  it("names a file that is not there", () => {
    expect(() => readEnvFile("/nope/env", () => undefined)).toThrow(
      "open /nope/env: no such file or directory",
    );
  });
});

describe("pairs", () => {
  it("completes -e NAME from the environment and keeps what is not set, which unsets it", () => {
    expect(resolveEnv(["A=1", "B", "C", "D="], { B: "2" })).toEqual(["A=1", "B=2", "C", "D="]);
    expect(() => parseEnv("=x")).toThrow("invalid environment variable: =x");
  });

  it("reads labels", () => {
    expect(toRecord(["a=1", "b", "c=x=y", "a=2"])).toEqual({ a: "2", b: "", c: "x=y" });
    expect(() => parseLabel("=x")).toThrow("invalid label '=x': empty name");
  });

  it("reads sysctls", () => {
    expect(parseSysctl("net.ipv4.ip_forward=1")).toBe("net.ipv4.ip_forward=1");
    expect(() => parseSysctl("foo")).toThrow("sysctl 'foo' is not allowed");
  });

  it.each([
    ["db:10.0.0.1", "db:10.0.0.1"],
    ["db=10.0.0.1", "db:10.0.0.1"],
    ["db:2001:db8::1", "db:2001:db8::1"],
    ["db=[::1]", "db:::1"],
    ["me:host-gateway", "me:host-gateway"],
  ])("reads --add-host %s", (text, expected) => {
    expect(parseExtraHost(text)).toBe(expected);
  });

  it("refuses --add-host without an address", () => {
    expect(() => parseExtraHost("foo")).toThrow('bad format for add-host: "foo"');
    expect(() => parseExtraHost("a:b")).toThrow('invalid IP address in add-host: "b"');
  });

  it("checks the options of the log drivers", () => {
    expect(logOptions(undefined, ["max-size=1m", "max-file=2"])).toEqual({
      "max-size": "1m",
      "max-file": "2",
    });
    expect(() => logOptions("none", ["a=b"])).toThrow("invalid logging opts for driver none");
    expect(() => logOptions("json-file", ["a=b"])).toThrow("unknown log opt 'a' for json-file log driver");
    expect(parseLogDriver("none")).toBe("none");
    expect(() => parseLogDriver("syslog")).toThrow("no log driver named 'syslog'");
  });
});

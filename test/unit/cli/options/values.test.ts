import { describe, expect, it } from "vitest";
import { parseBytes, parseSwap } from "../../../../src/cli/options/bytes.ts";
import { only, parsePull } from "../../../../src/cli/options/choices.ts";
import { parseCsvLine } from "../../../../src/cli/options/csv.ts";
import { parseDns, parseSearchDomain } from "../../../../src/cli/options/ip.ts";
import {
  parseBool,
  parseInteger,
  parseNanoCpus,
  parseUnsigned,
} from "../../../../src/cli/options/numbers.ts";
import { resolveSecurityOpt } from "../../../../src/cli/options/security-opt.ts";
import { attachments, parseStream } from "../../../../src/cli/options/streams.ts";
import { parseTmpfs } from "../../../../src/cli/options/tmpfs.ts";
import { parseUlimit } from "../../../../src/cli/options/ulimit.ts";

describe("parseBytes", () => {
  it.each([
    ["0", 0],
    ["1000", 1000],
    ["64m", 67108864],
    ["64M", 67108864],
    ["1.5g", 1610612736],
    ["10kb", 10240],
    ["512MiB", 536870912],
    ["5 k", 5120],
    ["7b", 7],
  ])("reads %s", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each([
    ["x", "invalid size: 'x'"],
    ["", "invalid size: ''"],
    ["-1", "invalid size: '-1'"],
    ["3q", "invalid suffix: 'q'"],
    ["3kbb", "invalid suffix: 'kbb'"],
    ["1.2.3m", "invalid size: '1.2.3m'"],
  ])("refuses %j", (text, message) => {
    expect(() => parseBytes(text)).toThrow(message);
  });

  it("takes -1 as unlimited swap only", () => {
    expect(parseSwap("-1")).toBe(-1);
    expect(() => parseSwap("-2")).toThrow("invalid size");
  });
});

describe("numbers", () => {
  it.each([
    ["0.5", 500_000_000],
    ["2", 2_000_000_000],
    [".1", 100_000_000],
    ["1/4", 250_000_000],
    ["1e-2", 10_000_000],
    ["-1", -1_000_000_000],
  ])("reads %s CPUs exactly", (text, nano) => {
    expect(parseNanoCpus(text)).toBe(nano);
  });

  it.each([
    ["x", "failed to parse x as a rational number"],
    ["", "failed to parse  as a rational number"],
    ["0.5.5", "failed to parse 0.5.5 as a rational number"],
    ["1/0", "failed to parse 1/0 as a rational number"],
    ["0.1234567891", "value is too precise"],
    ["1/3", "value is too precise"],
  ])("refuses %j CPUs", (text, message) => {
    expect(() => parseNanoCpus(text)).toThrow(message);
  });

  it("reads integers as Go does", () => {
    expect([parseInteger("-5"), parseInteger("+7"), parseInteger("0x10")]).toEqual([-5, 7, 16]);
    expect(() => parseInteger("1.5")).toThrow('strconv.ParseInt: parsing "1.5": invalid syntax');
    expect(() => parseInteger("99999999999999999999")).toThrow("value out of range");
    expect(() => parseUnsigned("99999", 0xffff)).toThrow(
      'strconv.ParseUint: parsing "99999": value out of range',
    );
  });

  it("reads booleans as Go does", () => {
    expect([parseBool("T"), parseBool("0"), parseBool("False")]).toEqual([true, false, false]);
    expect(() => parseBool("yes")).toThrow('strconv.ParseBool: parsing "yes": invalid syntax');
  });
});

describe("parseUlimit", () => {
  it.each([
    ["nofile=1024", { name: "nofile", soft: 1024, hard: 1024 }],
    ["nofile=10:20", { name: "nofile", soft: 10, hard: 20 }],
    ["core=-1", { name: "core", soft: -1, hard: -1 }],
    ["core=0:-1", { name: "core", soft: 0, hard: -1 }],
  ])("reads %s", (text, expected) => {
    expect(parseUlimit(text)).toEqual(expected);
  });

  it.each([
    ["nofile", "invalid ulimit argument: nofile"],
    ["nofile=5:3", "ulimit soft limit must be less than or equal to hard limit: 5 > 3"],
    ["nofile=-1:1", "soft: -1 (unlimited), hard: 1"],
    ["nofile=1:2:3", "too many limit value arguments - 1:2:3"],
    ["nofile=a", 'strconv.ParseInt: parsing "a"'],
  ])("refuses %s", (text, message) => {
    expect(() => parseUlimit(text)).toThrow(message);
  });
});

describe("small ones", () => {
  it("reads --pull", () => {
    expect(parsePull("always")).toBe("always");
    expect(() => parsePull("foo")).toThrow(
      `invalid pull option: 'foo': must be one of "always", "missing" or "never"`,
    );
  });

  it("takes only what is done anyway", () => {
    expect(only(["no"], "restart policies")("no")).toBe("no");
    expect(() => only(["no"], "restart policies")("always")).toThrow(
      "restart policies are not supported yet",
    );
  });

  it("reads name servers and search domains", () => {
    expect(parseDns(" 1.1.1.1 ")).toBe("1.1.1.1");
    expect(parseDns("2001:db8::1")).toBe("2001:db8::1");
    expect(() => parseDns("1.2.3.4.5")).toThrow("IP address is not correctly formatted: 1.2.3.4.5");
    expect([parseSearchDomain("."), parseSearchDomain("example.com")]).toEqual([".", "example.com"]);
    expect(() => parseSearchDomain("..")).toThrow(".. is not a valid domain");
  });

  it("reads CSV with quotes", () => {
    expect(parseCsvLine('type=bind,"src=/a,b",dst=/c')).toEqual(["type=bind", "src=/a,b", "dst=/c"]);
    expect(parseCsvLine('"say ""hi""",""')).toEqual(['say "hi"', ""]);
    expect(() => parseCsvLine('a="b"')).toThrow('bare or extraneous "');
  });

  it("resolves the path of a seccomp profile", () => {
    expect(resolveSecurityOpt("seccomp=p.json", "/w")).toBe("seccomp=/w/p.json");
    expect(resolveSecurityOpt("seccomp:unconfined", "/w")).toBe("seccomp=unconfined");
    expect(resolveSecurityOpt("no-new-privileges", "/w")).toBe("no-new-privileges");
  });

  it("reads --tmpfs", () => {
    expect(parseTmpfs("/run")).toEqual({ type: "tmpfs", target: "/run", options: [], short: true });
    expect(parseTmpfs("/run:rw,size=64m")).toEqual({
      type: "tmpfs",
      target: "/run",
      options: ["rw", "size=64m"],
      short: true,
    });
  });
});

describe("attachments", () => {
  it.each([
    [
      { attach: [], detach: false, interactive: false },
      { stdin: false, stdout: true, stderr: true },
    ],
    [
      { attach: [], detach: false, interactive: true },
      { stdin: true, stdout: true, stderr: true },
    ],
    [
      { attach: ["stdout"] as const, detach: false, interactive: true },
      { stdin: true, stdout: true, stderr: false },
    ],
    [{ attach: [], detach: true, interactive: true }, undefined],
  ])("of %j", (flags, expected) => {
    expect(attachments({ ...flags, attach: [...flags.attach] })).toEqual(expected);
  });

  it("does not go with --detach", () => {
    expect(() => attachments({ attach: ["stdout"], detach: true, interactive: false })).toThrow(
      "conflicting options: cannot specify both --attach and --detach",
    );
  });

  it("knows three streams", () => {
    expect(parseStream("STDIN")).toBe("stdin");
    expect(() => parseStream("foo")).toThrow("valid streams are STDIN, STDOUT and STDERR");
  });
});

import { describe, expect, test } from "vitest";
import { parseSecurityOptions } from "../../../src/engine/security-opt.ts";

const parse = (...securityOpt: string[]) => parseSecurityOptions({ securityOpt });

describe("parseSecurityOptions", () => {
  test("defaults, and with --privileged", () => {
    expect(parse()).toEqual({ noNewPrivileges: false, unmaskSystemPaths: false, seccomp: "default" });
    expect(parseSecurityOptions({ privileged: true })).toEqual({
      noNewPrivileges: false,
      unmaskSystemPaths: true,
      seccomp: "unconfined",
    });
  });
  test("an explicit profile holds with --privileged too", () => {
    const asked = { privileged: true, securityOpt: ["seccomp=/p.json"] };
    expect(parseSecurityOptions(asked).seccomp).toEqual({ file: "/p.json" });
  });
  test.each([
    ["no-new-privileges", { noNewPrivileges: true }],
    ["no-new-privileges:true", { noNewPrivileges: true }],
    ["no-new-privileges=false", { noNewPrivileges: false }],
    ["seccomp=unconfined", { seccomp: "unconfined" }],
    ["seccomp:unconfined", { seccomp: "unconfined" }],
    ["seccomp=builtin", { seccomp: "default" }],
    ["seccomp=/a=b:c.json", { seccomp: { file: "/a=b:c.json" } }],
    ["systempaths=unconfined", { unmaskSystemPaths: true }],
    ["apparmor=unconfined", { seccomp: "default" }],
    ["label=disable", { seccomp: "default" }],
    ["label:disable", { seccomp: "default" }],
  ])("%s", (option, expected) => {
    expect(parse(option)).toMatchObject(expected);
  });
  test("a profile where the kernel has AppArmor; the last word counts", () => {
    const asked = { securityOpt: ["apparmor=docker-default"] };
    expect(parseSecurityOptions(asked, () => true).apparmor).toBe("docker-default");
    expect(() => parseSecurityOptions(asked, () => false)).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_SECURITY_OPT_UNSUPPORTED" }),
    );
    const twice = { securityOpt: ["apparmor=mine", "apparmor=unconfined"] };
    expect(parseSecurityOptions(twice, () => true).apparmor).toBeUndefined();
  });
  test.each([
    ["foo", "INVALID"],
    ["", "INVALID"],
    ["seccomp", "INVALID"],
    ["seccomp=", "INVALID"],
    ["systempaths=all", "INVALID"],
    ["no-new-privileges=maybe", "INVALID"],
    ["apparmor=", "INVALID"],
    ["label=type:svirt_t", "UNSUPPORTED"],
  ])("refuses %j", (option, kind) => {
    expect(() => parse(option)).toThrow(expect.objectContaining({ code: `ERR_TSRUN_SECURITY_OPT_${kind}` }));
  });
});

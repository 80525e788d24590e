import { describe, expect, test } from "vitest";
import {
  capabilityNumber,
  DEFAULT_CAPABILITIES,
  effectiveCapabilities,
  formatCapabilities,
  ownCapabilities,
  parseCapabilities,
} from "../../../src/runtime/capabilities.ts";

const everything = parseCapabilities("000001ffffffffff");

describe("names and numbers", () => {
  test("are those of linux/capability.h", () => {
    expect(capabilityNumber("CAP_CHOWN")).toBe(0);
    expect(capabilityNumber("CAP_SYS_ADMIN")).toBe(21);
    expect(capabilityNumber("CAP_CHECKPOINT_RESTORE")).toBe(40);
    expect(everything).toHaveLength(41);
  });

  test("masks go both ways, and bits without a name are left out", () => {
    expect(formatCapabilities(everything)).toBe("000001ffffffffff");
    expect(parseCapabilities("8000000000200001")).toEqual(["CAP_CHOWN", "CAP_SYS_ADMIN"]);
  });

  test("what this process has is within what the kernel knows", () => {
    for (const name of ownCapabilities()) expect(everything).toContain(name);
  });
});

describe("the capabilities of a container", () => {
  const available = everything;
  const format = (request: Parameters<typeof effectiveCapabilities>[0]) =>
    formatCapabilities(effectiveCapabilities({ available, ...request }));

  test.each([
    ["by default", {}, "00000000a80425fb"],
    ["one added, in any spelling", { add: ["net_admin", "CAP_NET_ADMIN"] }, "00000000a80435fb"],
    ["one dropped", { drop: ["NET_RAW"] }, "00000000a80405fb"],
    ["dropped and added: adding wins", { add: ["NET_RAW"], drop: ["NET_RAW"] }, "00000000a80425fb"],
    ["all dropped", { drop: ["ALL"] }, "0000000000000000"],
    ["all dropped but some", { drop: ["all"], add: ["chown", "KILL"] }, "0000000000000021"],
    ["all added", { add: ["ALL"] }, "000001ffffffffff"],
    ["all added but one", { add: ["ALL"], drop: ["SYS_ADMIN"] }, "000001ffffdfffff"],
    ["privileged, where dropping changes nothing", { privileged: true, drop: ["CHOWN"] }, "000001ffffffffff"],
  ])("%s", (_, request, mask) => expect(format(request)).toBe(mask));

  test("never include what tsrun lacks", () => {
    const few = ["CAP_CHOWN", "CAP_SYS_ADMIN"];
    expect(effectiveCapabilities({ available: few })).toEqual(["CAP_CHOWN"]);
    expect(effectiveCapabilities({ available: few, privileged: true })).toEqual(few);
    expect(effectiveCapabilities({ available: few, add: ["ALL"] })).toEqual(few);
    expect(() => effectiveCapabilities({ available: few, add: ["SYS_TIME"] })).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CAPABILITY_UNAVAILABLE",
        message: expect.stringContaining("CAP_SYS_TIME"),
      }),
    );
  });

  test.each([
    ["SYS_ADMN", "did you mean CAP_SYS_ADMIN?"],
    ["cap_net_rawe", "did you mean CAP_NET_RAW?"],
    ["completely-else", "man 7 capabilities lists them"],
  ])("unknown name %s", (name, hint) => {
    expect(() => effectiveCapabilities({ available, drop: [name] })).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CAPABILITY_UNKNOWN",
        message: `unknown capability "${name}"`,
        hint,
      }),
    );
  });

  test("the default set is docker's", () => {
    expect(formatCapabilities(DEFAULT_CAPABILITIES)).toBe("00000000a80425fb");
  });
});

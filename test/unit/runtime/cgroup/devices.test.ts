import { describe, expect, test } from "vitest";
import { deviceProgram } from "../../../../src/runtime/cgroup/device-program.ts";
import { type DeviceRule, devicePolicy, formatException } from "../../../../src/runtime/cgroup/devices.ts";

/** "deny: c 1:3 rw, …" */
function policy(...rules: DeviceRule[]): string | undefined {
  const result = devicePolicy(rules);
  if (result === undefined) return undefined;
  return `${result.allowByDefault ? "allow" : "deny"}: ${result.exceptions.map(formatException).join(", ")}`;
}

const denyAll: DeviceRule = { allow: false, access: "rwm" };
const c = (major: number, minor: number | undefined, access: string, allow = true): DeviceRule => ({
  allow,
  type: "c",
  major,
  access,
  ...(minor === undefined ? {} : { minor }),
});

describe("device rules become a default and its exceptions", () => {
  test("no rules, or all allowed, restrict nothing", () => {
    expect(policy()).toBeUndefined();
    expect(policy(denyAll, { allow: true, type: "a", access: "rwm" })).toBeUndefined();
  });

  test("accesses to one device add up, whatever their order", () => {
    expect(policy(denyAll, c(1, 3, "w"), c(1, 3, "r"), c(5, undefined, "rwm"))).toBe(
      "deny: c 1:3 rw, c 5:* mrw",
    );
  });

  test("a later rule takes back what an earlier one gave", () => {
    expect(policy(denyAll, c(1, 3, "rwm"), c(1, 3, "w", false))).toBe("deny: c 1:3 mr");
    expect(policy(denyAll, c(1, 3, "rwm"), c(1, undefined, "rwm", false))).toBe("deny: ");
    expect(policy(c(1, 5, "r", false))).toBe("allow: c 1:5 r");
  });

  test("every type but not every access is both types", () => {
    expect(policy(denyAll, { allow: true, access: "m" })).toBe("deny: c *:* m, b *:* m");
    expect(policy(denyAll, { allow: true, major: -1, minor: -1, type: "b", access: "m" })).toBe(
      "deny: b *:* m",
    );
  });

  test("one device taken out of a wildcard has no form, and is refused", () => {
    expect(() => policy(denyAll, c(1, undefined, "rwm"), c(1, 5, "w", false))).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CGROUP_LIMIT_UNSUPPORTED",
        message: expect.stringContaining('"deny c 1:5 w"'),
      }),
    );
  });

  test.each([{ type: "x" }, { type: "c", access: "rx" }])("%o is not a rule", (rule) => {
    expect(() => policy({ allow: true, ...rule })).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_CGROUP_LIMIT_INVALID" }),
    );
  });
});

/** Runs the program as the kernel would; enough of eBPF for what deviceProgram emits. */
function decide(program: Uint8Array, type: "b" | "c", major: number, minor: number, access: number): number {
  const view = new DataView(program.buffer);
  const context = [(access << 16) | (type === "b" ? 1 : 2), major, minor];
  const registers = [0, 0, 0, 0, 0, 0, 0];
  for (let at = 0; at < program.length / 8; at++) {
    const code = view.getUint8(at * 8);
    const dst = view.getUint8(at * 8 + 1) & 15;
    const source = registers[view.getUint8(at * 8 + 1) >> 4] ?? 0;
    const offset = view.getInt16(at * 8 + 2, true);
    const immediate = view.getInt32(at * 8 + 4, true);
    const value = registers[dst] ?? 0;
    if (code === 0x61) registers[dst] = context[offset / 4] ?? 0;
    else if (code === 0xbf) registers[dst] = source;
    else if (code === 0xb7) registers[dst] = immediate;
    else if (code === 0x57) registers[dst] = value & immediate;
    else if (code === 0x77) registers[dst] = value >>> immediate;
    else if (code === 0x55) at += value === immediate ? 0 : offset;
    else if (code === 0x15) at += value === immediate ? offset : 0;
    else if (code === 0x95) return registers[0] ?? 0;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error("ran off the end");
}

describe("the device program", () => {
  const M = 1;
  const R = 2;
  const W = 4;

  test("allows what is named, with every access that is named", () => {
    const rules = [denyAll, c(1, 3, "rw"), { allow: true, type: "b", access: "m" }, c(136, undefined, "rwm")];
    const program = deviceProgram(devicePolicy(rules) ?? { allowByDefault: true, exceptions: [] });
    expect(decide(program, "c", 1, 3, R | W)).toBe(1);
    expect(decide(program, "c", 1, 3, R | M)).toBe(0);
    expect(decide(program, "b", 1, 3, R)).toBe(0);
    expect(decide(program, "b", 259, 7, M)).toBe(1);
    expect(decide(program, "c", 136, 9, R | W | M)).toBe(1);
    expect(decide(program, "c", 5, 1, R)).toBe(0);
  });

  test("refuses what is named, with any access that is named", () => {
    const program = deviceProgram(
      devicePolicy([c(1, 5, "r", false)]) ?? { allowByDefault: false, exceptions: [] },
    );
    expect(decide(program, "c", 1, 5, R | W)).toBe(0);
    expect(decide(program, "c", 1, 5, W)).toBe(1);
    expect(decide(program, "c", 1, 7, R)).toBe(1);
  });
});

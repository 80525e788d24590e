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
    const program = deviceProgram(rules);
    expect(decide(program, "c", 1, 3, R | W)).toBe(1);
    expect(decide(program, "c", 1, 3, R | M)).toBe(0);
    expect(decide(program, "b", 1, 3, R)).toBe(0);
    expect(decide(program, "b", 259, 7, M)).toBe(1);
    expect(decide(program, "c", 136, 9, R | W | M)).toBe(1);
    expect(decide(program, "c", 5, 1, R)).toBe(0);
  });

  test("refuses what is named, with any access that is named", () => {
    const program = deviceProgram([c(1, 5, "r", false)]);
    expect(decide(program, "c", 1, 5, R | W)).toBe(0);
    expect(decide(program, "c", 1, 5, W)).toBe(1);
    expect(decide(program, "c", 1, 7, R)).toBe(1);
  });

  test("follows the rules in order, also where one is taken out of many", () => {
    const program = deviceProgram([
      denyAll,
      c(1, undefined, "rwm"),
      c(1, 5, "w", false),
      c(1, 7, "rwm", false),
      c(1, 7, "r"),
    ]);
    expect(decide(program, "c", 1, 3, R | W)).toBe(1);
    expect(decide(program, "c", 1, 5, R)).toBe(1);
    expect(decide(program, "c", 1, 5, R | W)).toBe(0);
    expect(decide(program, "c", 1, 7, R)).toBe(1);
    expect(decide(program, "c", 1, 7, R | W)).toBe(0);
  });

  test("one access may be allowed by one rule and the next by another", () => {
    const program = deviceProgram([denyAll, c(1, undefined, "r"), c(1, 3, "w")]);
    expect(decide(program, "c", 1, 3, R | W)).toBe(1);
    expect(decide(program, "c", 1, 5, R | W)).toBe(0);
  });

  test("what comes before a rule about everything does not count", () => {
    expect(deviceProgram([c(1, 5, "r", false), denyAll])).toEqual(deviceProgram([denyAll]));
    expect(decide(deviceProgram([denyAll, { allow: true }]), "b", 8, 0, R | W | M)).toBe(1);
    expect(decide(deviceProgram([]), "b", 8, 0, R | W | M)).toBe(1);
  });

  test.each([{ seed: 1 }, { seed: 2 }, { seed: 3 }])(
    "agrees with the rules read one by one, $seed",
    ({ seed }) => {
      let state = seed;
      const random = (below: number): number => {
        state = (state * 1103515245 + 12345) % 2147483648;
        return Math.floor((state / 2147483648) * below);
      };
      for (let round = 0; round < 50; round++) {
        const rules = Array.from({ length: 1 + random(8) }, (): DeviceRule => {
          const type = ["a", "b", "c"][random(3)] ?? "a";
          const access = ["r", "w", "m"].filter(() => random(2) === 1).join("") || "rwm";
          const number = (): number => random(3) - 1;
          return { allow: random(2) === 1, type, access, major: number(), minor: number() };
        });
        const program = deviceProgram(rules);
        for (const type of ["b", "c"] as const)
          for (const access of [R, W, M, R | W, R | W | M])
            for (const [major, minor] of [[0, 0] as const, [0, 1] as const, [1, 0] as const]) {
              const expected = oneByOne(rules, { type, major, minor, access });
              expect(decide(program, type, major, minor, access)).toBe(expected ? 1 : 0);
            }
      }
    },
  );
});

/** config-linux.md, literally: each access is what the last rule about it says. */
function oneByOne(
  rules: DeviceRule[],
  { type, major, minor, access }: { type: string; major: number; minor: number; access: number },
): boolean {
  const bits = { m: 1, r: 2, w: 4 };
  return Object.entries(bits).every(([letter, bit]) => {
    if ((access & bit) === 0) return true;
    let allowed = true;
    for (const rule of rules) {
      const isAbout =
        (rule.type === "a" || rule.type === type) &&
        (rule.major === -1 || rule.major === major) &&
        (rule.minor === -1 || rule.minor === minor) &&
        rule.access?.includes(letter);
      if (isAbout) allowed = rule.allow;
    }
    return allowed;
  });
}

import { describe, expect, test } from "vitest";
import { ADJECTIVES, SURNAMES } from "../../../src/engine/name-words.ts";
import { generateId, generateName, validateContainerName } from "../../../src/engine/names.ts";

describe("generateId", () => {
  test("64 hexadecimal digits, different each time", () => {
    const ids = Array.from({ length: 100 }, () => generateId());
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(ids).size).toBe(100);
  });
  test("never a short id of decimal digits only", () => {
    const draws = ["123456789012".padEnd(64, "a"), "12345678901a".padEnd(64, "0")];
    expect(generateId(() => draws.shift() ?? "")).toBe("12345678901a".padEnd(64, "0"));
  });
});

describe("generateName", () => {
  test("is a valid name of two words", () => {
    for (let i = 0; i < 500; i++) {
      const name = generateName();
      expect(name).toMatch(/^[a-z]+_[a-z]+$/);
      expect(name).not.toBe("boring_wozniak");
      validateContainerName(name);
    }
    expect(generateName(6)).toMatch(/^[a-z]+_[a-z]+\d$/);
  });
  test("the words are distinct and many", () => {
    for (const words of [ADJECTIVES, SURNAMES]) {
      expect(words.length).toBeGreaterThanOrEqual(95);
      expect(new Set(words).size).toBe(words.length);
    }
  });
});

describe("validateContainerName", () => {
  test.each(["ab", "web-1", "A.b_c", "0x"])("takes %s", (name) => {
    expect(() => validateContainerName(name)).not.toThrow();
  });
  test.each(["", "a", "-ab", "a b", "a/b", "../x", "ab\n", "ä1"])("refuses %j", (name) => {
    expect(() => validateContainerName(name)).toThrow(
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  });
});

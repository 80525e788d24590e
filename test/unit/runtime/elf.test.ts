import { describe, expect, test } from "vitest";
import { parseElf } from "../../../src/runtime/elf.ts";
import { elf, readerOf } from "./elf-fixture.ts";

describe("parseElf", () => {
  test.each([
    ["amd64", { machine: 62 }],
    ["arm64", { machine: 183 }],
    ["386", { machine: 3, bits: 32 }],
    ["arm", { machine: 40, bits: 32 }],
    ["ppc64le", { machine: 21 }],
    ["ppc64", { machine: 21, littleEndian: false }],
    ["s390x", { machine: 22, littleEndian: false }],
    ["mips", { machine: 8, bits: 32, littleEndian: false }],
    ["mips64le", { machine: 8, bits: 64 }],
    ["riscv64", { machine: 243 }],
    ["machine 9999", { machine: 9999 }],
  ] as const)("%s, with its interpreter", (architecture, spec) => {
    const parsed = parseElf(readerOf(elf({ ...spec, interpreter: "/lib/ld.so.1" })));
    expect(parsed).toMatchObject({ architecture, interpreter: "/lib/ld.so.1", machine: spec.machine });
  });

  test("a static program has no interpreter", () => {
    expect(parseElf(readerOf(elf({ machine: 62 })))).toMatchObject({
      architecture: "amd64",
      interpreter: undefined,
    });
  });

  test("what breaks off is damaged, wherever it does", () => {
    const whole = elf({ machine: 62, interpreter: "/lib64/ld-linux-x86-64.so.2" });
    for (let length = 4; length < whole.length; length++) {
      expect(parseElf(readerOf(whole.subarray(0, length))), `${length} bytes`).toBe("damaged");
    }
  });

  test("offsets and sizes out of this world do not throw", () => {
    const whole = elf({ machine: 62, interpreter: "/lib/ld.so" });
    for (let at = 4; at < whole.length; at++) {
      const broken = Buffer.from(whole);
      broken[at] = 0xff;
      expect(() => parseElf(readerOf(broken)), `byte ${at}`).not.toThrow();
    }
  });

  test("other files are none", () => {
    expect(parseElf(readerOf(Buffer.from("#!/bin/sh\n")))).toBeUndefined();
    expect(parseElf(readerOf(Buffer.alloc(0)))).toBeUndefined();
    expect(parseElf(() => undefined)).toBeUndefined();
  });
});

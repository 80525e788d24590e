import { expect, test } from "vitest";
import { hexMask } from "../../../../src/runtime/plan/cpu-list.ts";

test.each([
  ["0", "0x1"],
  ["0,2", "0x5"],
  ["4-7", "0xf0"],
  ["8-11,64", "0x10000000000000f00"],
])("the CPUs %s are the mask %s", (list, mask) => expect(hexMask(list)).toBe(mask));

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { thermalThrottlePaths } from "../../../src/engine/system-paths.ts";

test("thermalThrottlePaths: of each possible CPU, where the hardware has them", () => {
  const sysfs = mkdtempSync(join(tmpdir(), "tsrun-sysfs-"));
  try {
    const cpus = join(sysfs, "devices/system/cpu");
    mkdirSync(join(cpus, "cpu0"), { recursive: true });
    writeFileSync(join(cpus, "possible"), "0-2,8\n");
    expect(thermalThrottlePaths(sysfs)).toEqual([]);
    mkdirSync(join(cpus, "cpu0/thermal_throttle"));
    expect(thermalThrottlePaths(sysfs)).toEqual(
      [0, 1, 2, 8].map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`),
    );
  } finally {
    rmSync(sysfs, { recursive: true });
  }
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readBinfmtHandlers } from "../../../src/runtime/binfmt.ts";

test("enabled registrations and their flags", () => {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-binfmt-"));
  try {
    const entry = (state: string, flags: string) =>
      `${state}\ninterpreter /usr/bin/qemu\nflags: ${flags}\noffset 0\nmagic 7f454c46\n`;
    writeFileSync(join(directory, "status"), "enabled\n");
    writeFileSync(join(directory, "register"), "");
    writeFileSync(join(directory, "qemu-aarch64"), entry("enabled", "OCF"));
    writeFileSync(join(directory, "qemu-arm"), entry("enabled", ""));
    writeFileSync(join(directory, "qemu-s390x"), entry("disabled", "F"));
    expect(readBinfmtHandlers(directory)).toEqual([
      { name: "qemu-aarch64", interpreter: "/usr/bin/qemu", fixed: true },
      { name: "qemu-arm", interpreter: "/usr/bin/qemu", fixed: false },
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
  expect(readBinfmtHandlers(directory)).toEqual([]);
});

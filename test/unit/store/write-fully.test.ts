import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { writeFully } from "../../../src/store/write-fully.ts";

test("a full disk is an error that says so, with what to do", () => {
  const fd = openSync("/dev/full", "w");
  try {
    expect(() => writeFully(fd, Buffer.from("x"), "/store/blob")).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_LAYER_UNPACK",
        message: "cannot write /store/blob: no space left on its filesystem",
        hint: expect.stringContaining("remove images"),
      }),
    );
  } finally {
    closeSync(fd);
  }
});

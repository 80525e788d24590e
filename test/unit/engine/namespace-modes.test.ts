import { describe, expect, test } from "vitest";
import {
  isOwn,
  joinedContainers,
  sharesHost,
  validateNamespaceModes,
} from "../../../src/engine/namespace-modes.ts";
import type { ContainerOptions } from "../../../src/engine/types.ts";
import { defaultConfig } from "./container-fixture.ts";

const DEFAULTS = defaultConfig();
const validate =
  (options: Partial<ContainerOptions>, config = DEFAULTS) =>
  () =>
    validateNamespaceModes(config, { image: "alpine", ...options });

describe("modes", () => {
  test("a container has its own by default", () => {
    for (const type of ["pid", "ipc", "uts"] as const) {
      expect(isOwn({}, type)).toBe(true);
      expect(sharesHost({}, type)).toBe(false);
    }
    expect(joinedContainers({})).toEqual([]);
  });

  test("of ipc some words say what else is done with its own", () => {
    for (const ipc of ["private", "shareable", "none"]) expect(isOwn({ ipc }, "ipc")).toBe(true);
  });

  test("another container's, or the host's", () => {
    expect(joinedContainers({ pid: "container:web", ipc: "container:db" })).toEqual([
      { type: "pid", container: "web" },
      { type: "ipc", container: "db" },
    ]);
    expect(isOwn({ pid: "container:web" }, "pid")).toBe(false);
    expect([isOwn({ uts: "host" }, "uts"), sharesHost({ uts: "host" }, "uts")]).toEqual([false, true]);
  });
});

describe("refused are", () => {
  test.each<[string, Partial<ContainerOptions>]>([
    ["invalid PID mode: private", { pid: "private" }],
    ["invalid PID mode: container:", { pid: "container:" }],
    ["invalid IPC mode: sharable", { ipc: "sharable" }],
    ["invalid UTS mode: container:web", { uts: "container:web" }],
  ])("%s", (message, options) => {
    expect(validate(options)).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_NAMESPACE_MODE_INVALID", message }),
    );
  });

  test("a name for the host", () => {
    expect(validate({ uts: "host", hostname: "x" })).toThrow(
      "conflicting options: hostname and the UTS mode",
    );
  });

  test.each(["host", "none", "container:store"])("a size for the shared memory of --ipc %s", (ipc) => {
    expect(validate({ ipc, shmSize: 1 << 20 })).toThrow("conflicting options: shm-size and the IPC mode");
    expect(validate({ ipc: "shareable", shmSize: 1 << 20 })).not.toThrow();
  });

  test.each<Partial<ContainerOptions>>([{ pid: "host" }, { pid: "container:web" }, { ipc: "container:web" }])(
    "%o with users of its own",
    (options) => {
      expect(validate({ ...options, userns: "auto" })).toThrow(
        expect.objectContaining({ code: "ERR_TSRUN_NAMESPACE_UNSUPPORTED" }),
      );
      expect(
        validate({ ...options, userns: "host" }, { ...DEFAULTS, "userns-remap": "default" }),
      ).not.toThrow();
    },
  );
});

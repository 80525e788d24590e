import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../../src/config.ts";
import {
  parseUserNamespace,
  userNamespaceMode,
  validateUserNamespace,
} from "../../../../src/engine/userns/mode.ts";

const config = { ...loadConfig({ XDG_CONFIG_HOME: "/nonexistent" }), "userns-remap": "" };
const remapped = { ...config, "userns-remap": "default" };

describe("--userns", () => {
  test.each([
    ["host", { kind: "host" }],
    ["remap", { kind: "remap" }],
    ["keep-id", { kind: "keep-id" }],
    ["auto", { kind: "auto", size: undefined }],
    ["auto:size=4096", { kind: "auto", size: 4096 }],
  ])("%s", (text, mode) => expect(parseUserNamespace(text)).toEqual(mode));

  test.each([
    "private",
    "auto:",
    "auto:size=",
    "auto:size=0",
    "auto:size=-1",
    "auto:uidmapping=0:1:2",
    "host:x",
  ])("%s is none", (text) => {
    expect(() => parseUserNamespace(text)).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_USERNS_INVALID" }),
    );
  });
});

test("the configuration decides where nothing is asked for", () => {
  expect(userNamespaceMode(config, { image: "i" })).toEqual({ kind: "host" });
  expect(userNamespaceMode(remapped, { image: "i" })).toEqual({ kind: "remap" });
  expect(userNamespaceMode(remapped, { image: "i", userns: "host" })).toEqual({ kind: "host" });
});

test("what shares the host with the container is refused, unless it has the host's users", () => {
  const conflict = expect.objectContaining({ code: "ERR_TSRUN_OPTION_CONFLICT" });
  for (const options of [{ privileged: true }, { network: "host" }]) {
    expect(() => validateUserNamespace(remapped, { image: "i", ...options })).toThrow(conflict);
    validateUserNamespace(remapped, { image: "i", ...options, userns: "host" });
    validateUserNamespace(config, { image: "i", ...options });
  }
});

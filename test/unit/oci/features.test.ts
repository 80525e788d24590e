import { describe, expect, test } from "vitest";
import { featuresDocument } from "../../../src/oci/features.ts";
import { parseConfig } from "../../../src/runtime/oci-validate/read.ts";
import { parseMountOptions } from "../../../src/runtime/plan/mount-options.ts";

// biome-ignore lint/suspicious/noExplicitAny: the document's form is what is tested
const document = featuresDocument({ version: "1", specVersion: "1.2.1" }) as any;

const read = (linux: object): unknown =>
  parseConfig(JSON.stringify({ ociVersion: document.ociVersionMax, root: { path: "r" }, linux }), {
    bundle: "/b",
    warn: () => {},
  });

describe("the features document", () => {
  test("every mount option is one, and no filesystem's own", () => {
    expect(document.mountOptions).toContain("rro");
    for (const option of document.mountOptions) expect(parseMountOptions([option]).data, option).toBe("");
  });

  test("every word of a filter is understood", () => {
    const { actions, operators, archs, knownFlags, supportedFlags } = document.linux.seccomp;
    for (const action of actions) {
      const args = operators.map((op: string) => ({ index: 0, value: 1, op }));
      const syscalls = [{ names: ["mkdir"], action, args }];
      const seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: archs, flags: knownFlags, syscalls };
      expect(() => read({ seccomp: { ...seccomp, listenerPath: "/agent" } }), action).not.toThrow();
    }
    expect(knownFlags).toEqual(expect.arrayContaining(supportedFlags));
    expect(supportedFlags).toContain("SECCOMP_FILTER_FLAG_LOG");
  });

  test("what is off is refused", () => {
    expect(document.linux.intelRdt.enabled).toBe(false);
    expect(() => read({ intelRdt: {} })).toThrow("intelRdt");
  });

  test("every namespace and policy is known", () => {
    for (const type of document.linux.namespaces.filter((name: string) => name !== "user")) {
      expect(() => read({ namespaces: [{ type }] }), type).not.toThrow();
    }
    for (const mode of document.linux.memoryPolicy.modes) {
      const nodes = mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL" ? "" : "0";
      expect(() => read({ memoryPolicy: { mode, nodes } }), mode).not.toThrow();
    }
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const checkout = fileURLToPath(new URL("../../..", import.meta.url));

/** Every error code that a source file names, with one file that names it. */
function codesInSources(): Map<string, string> {
  const codes = new Map<string, string>();
  for (const folder of ["src", "native"]) {
    for (const file of readdirSync(join(checkout, folder), { recursive: true, encoding: "utf8" })) {
      if (!/\.(ts|c|h)$/.test(file) || join(folder, file).startsWith("native/build/")) continue;
      const text = readFileSync(join(checkout, folder, file), "utf8");
      for (const [code] of text.matchAll(/\bERR_TSRUN_[A-Z0-9_]*[A-Z0-9]\b/g))
        codes.set(code, join(folder, file));
    }
  }
  return codes;
}

/** The sections of docs/errors.md: heading → text. */
function sections(): [code: string, text: string][] {
  const [, ...parts] = readFileSync(join(checkout, "docs/errors.md"), "utf8").split(/^## /m);
  return parts.map((part) => {
    const end = part.indexOf("\n");
    return [part.slice(0, end).trim(), part.slice(end)];
  });
}

describe("docs/errors.md", () => {
  it("has a section for every code in src and native", () => {
    const documented = new Set(sections().map(([code]) => code));
    const missing = [...codesInSources()].filter(([code]) => !documented.has(code));
    expect(missing.map(([code, file]) => `${code} (${file})`)).toEqual([]);
  });

  it("has no section for a code that nothing reports, and none twice", () => {
    const codes = codesInSources();
    const headings = sections().map(([code]) => code);
    expect(headings.filter((code) => !codes.has(code))).toEqual([]);
    expect(headings.filter((code, index) => headings.indexOf(code) !== index)).toEqual([]);
  });

  it("says of every code what causes it and what to do", () => {
    const bare = sections().filter(([, text]) => !/\bCause\b[\s\S]*\bWhat to do\b/.test(text));
    expect(bare.map(([code]) => code)).toEqual([]);
  });
});

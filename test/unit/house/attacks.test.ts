/** The holes that attacks are tried on are edits of the sources: whoever moves such a line finds out here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Attack } from "../../e2e/attacks/attack.ts";
import { descriptorAttacks } from "../../e2e/attacks/descriptors.ts";
import { identityAttacks } from "../../e2e/attacks/identity.ts";
import { kernelFileAttacks } from "../../e2e/attacks/kernel-files.ts";
import { neighbourAttacks } from "../../e2e/attacks/neighbours.ts";
import { programAttacks } from "../../e2e/attacks/program.ts";
import { rootAttacks } from "../../e2e/attacks/roots.ts";
import { edited } from "../../e2e/attacks/weakened.ts";
import { REPOSITORY } from "../../support/cli.ts";

const attacks: readonly Attack[] = [
  ...descriptorAttacks,
  ...identityAttacks,
  ...kernelFileAttacks,
  ...neighbourAttacks,
  ...programAttacks,
  ...rootAttacks,
];

describe("the sources have one place for each edit of", () => {
  test.each(attacks)("$name", ({ weakening }) => {
    const sources = new Map<string, string>();
    for (const edit of weakening) {
      const source = sources.get(edit.file) ?? readFileSync(join(REPOSITORY, edit.file), "utf8");
      const weakened = edited(source, edit);
      expect(weakened).not.toBe(source);
      sources.set(edit.file, weakened);
    }
  });
});

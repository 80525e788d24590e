// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what these texts are about
/** What stands in a Dockerfile or .dockerignore: read, or refused with its line, in time that grows as the text does. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expandWord } from "../../src/build/dockerfile/expand/command.ts";
import { excludeMatcher, ignoreMatcher } from "../../src/build/dockerfile/ignore.ts";
import { checkText } from "../../src/build/dockerfile/lint/check.ts";
import { parseDockerfile } from "../../src/build/dockerfile/parse.ts";
import type { Instruction, ParsedDockerfile } from "../../src/build/dockerfile/types.ts";
import { corpus, effort, mutated, refusedOr } from "./mutations.ts";

const { timeout, ...runs } = effort(1000);

const words = [
  ..."FROM RUN COPY ADD ENV ARG LABEL ONBUILD HEALTHCHECK CMD EXPOSE USER"
    .split(" ")
    .map((word) => `\n${word} `),
  ...'\\\n|`\n|\r\n|# escape=`\n|# check=|<<E\nE\n|<<-E|$|${|}|:-|##|%%|//|\'|"|["|"]|--mount=|--|=|,|\u00a0|\u0085|\ufeff'.split(
    "|",
  ),
];
const dockerfiles = mutated(corpus("dockerfile"), words).map((input) => input.toString());

describe("Dockerfiles", () => {
  test("every text is one, or is refused with a place in it", { timeout }, () => {
    const property = fc.property(dockerfiles, (text) => {
      const { warnings, error } = checkText(text, "Dockerfile", {
        baseImage: () => ({ environment: [], shell: false }),
      });
      const lines = text.split("\n").length;
      for (const { range } of [...warnings, ...(error === undefined ? [] : [error])]) {
        expect(range.start.line).toBeGreaterThan(0);
        expect(range.start.line).toBeLessThanOrEqual(lines);
      }
    });
    fc.assert(property, runs);
  });

  test("written anew, one says the same", { timeout }, () => {
    const property = fc.property(dockerfiles, (text) => {
      const parsed = refusedOr(() => parseDockerfile(text));
      if (parsed === undefined) return;
      // White space of other scripts is no end of a line, but no part of it, either: what is before it would continue.
      // And a line that only continues is an instruction without a word, which is nothing anew.
      fc.pre(
        !parsed.instructions.some(({ original }) => original === "" || original.endsWith(parsed.escape)),
      );
      const again = parseDockerfile(written(parsed));
      expect(again.instructions.map(meaning)).toEqual(parsed.instructions.map(meaning));
    });
    fc.assert(property, runs);
  });
});

function written({ escape: token, instructions }: ParsedDockerfile): string {
  const text = instructions.map(({ original, heredocs }) =>
    [original, ...heredocs.map(({ written, name }) => written + name)].join("\n"),
  );
  return `# escape=${token}\n${text.join("\n")}\n`;
}

function meaning({ range, comments, trigger, ...rest }: Instruction): unknown {
  return { ...rest, trigger: trigger === undefined ? undefined : meaning(trigger) };
}

test("no text makes expansion fail otherwise, or a pattern", { timeout }, () => {
  const text = fc.string({
    unit: fc.constantFrom(..."ab$${{}}:-+?#%/\\*'\"[]^!< ".split("")),
    maxLength: 60,
  });
  const property = fc.property(text, text, (template, value) => {
    refusedOr(() => expandWord(template, (name) => (name === "a" ? value : undefined)));
    const matcher = refusedOr(() => ignoreMatcher(template));
    matcher?.ignores(value.replaceAll("\n", ""), false);
    matcher?.mayHaveExceptionsBelow(value);
  });
  fc.assert(property, runs);
});

/** Milliseconds of this process: those of the clock are everybody's. */
function measured(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe("a hostile text takes no longer than another one of its size", () => {
  const pieces = [
    "\\ ",
    " \\",
    "a\\",
    "$",
    "${",
    "${a:-",
    "${a/",
    "'",
    '"',
    "[",
    '["',
    "<<",
    "<<a ",
    "<<'",
    "<",
    "=",
    "= ",
    ",",
    "--",
    "--a ",
    "#",
    "\t",
    "\u00a0",
    "a=",
    "a ",
    "1-",
    ":",
    "/",
    "*",
    "\r",
  ];
  const shapes = (body: string): string[] => [
    body,
    `#${body}`,
    `# check=${body}`,
    `FROM ${body}`,
    ..."RUN ENV ARG LABEL COPY EXPOSE HEALTHCHECK".split(" ").map((keyword) => `FROM x\n${keyword} ${body}`),
    `FROM x\nRUN --mount=${body} x`,
    `FROM x\n${body.replaceAll(" ", "\n")}`,
  ];

  test("Dockerfiles", { timeout: 60_000 }, () => {
    for (const piece of pieces) {
      const body = piece.repeat(Math.floor(10_000 / piece.length));
      for (const text of shapes(body)) {
        const took = measured(() => checkText(text));
        expect(took, JSON.stringify(text.slice(0, 60))).toBeLessThan(2000);
      }
    }
  });

  test("patterns", { timeout: 60_000 }, () => {
    const path = `${"a/".repeat(1000)}${"a".repeat(1000)}b`;
    for (const piece of ["*a", "**/", "**/a*", "?*", "[a]*", "a/**/"]) {
      const took = measured(() =>
        refusedOr(() => excludeMatcher([`${piece.repeat(30)}c`]).ignores(path, false)),
      );
      expect(took, piece).toBeLessThan(5000);
    }
  });
});

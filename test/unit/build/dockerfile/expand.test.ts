// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what these texts are about
import { describe, expect, test } from "vitest";
import { readDockerfile } from "../../../../src/build/dockerfile/dockerfile.ts";
import { DockerfileError } from "../../../../src/build/dockerfile/error.ts";
import { commandTitle, expandCommand, expandWord } from "../../../../src/build/dockerfile/expand/command.ts";
import type { Command } from "../../../../src/build/dockerfile/types.ts";

const variables: Readonly<Record<string, string>> = {
  one: "1",
  empty: "",
  path: "/usr/local/bin/tool.tar.gz",
  spaces: "a  b",
  größe: "XL",
};
const lookup = (name: string): string | undefined => variables[name];
const word = (text: string): string => expandWord(text, lookup).text;
const command = (line: string): Command =>
  readDockerfile(`FROM x\n${line}`).stages[0]?.commands[0] as Command;

describe("a word", () => {
  test.each([
    ["$one-${one}", "1-1"],
    ["$none|${none}", "|"],
    ["'$one' \"$one\"", "$one 1"],
    ["\\$one $ 100$", "$one $ 100$"],
    ['"a\\tb" a\\tb', "a\\tb atb"],
    ["${none:-x} ${none-x} ${empty:-x} ${empty-x}", "x x x "],
    ["${one:+x} ${none:+x} ${empty:+x} ${empty+x}", "x   x"],
    ["${none:-${one}${none:-'}'}}", "1}"],
    ["${path#*/} ${path##*/}", "usr/local/bin/tool.tar.gz tool.tar.gz"],
    ["${path%.*} ${path%%.*}", "/usr/local/bin/tool.tar /usr/local/bin/tool"],
    ["${path/l/L} ${path//l/L}", "/usr/Local/bin/tool.tar.gz /usr/LocaL/bin/tooL.tar.gz"],
    ["${path//\\//-}", "-usr-local-bin-tool.tar.gz"],
    ["${path/t?ol*r/X} ${path/nothing/X}", "/usr/local/bin/X.gz /usr/local/bin/tool.tar.gz"],
    ["${one?no} ${empty?no}", "1 "],
    ["$one_2 $one.2 $12 $@x", " 1.2  x"],
    ["$größe ${größe} $oneö $one", "XL XL  1"],
  ])("%s -> %s", (text, expected) => {
    expect(word(text)).toBe(expected);
  });

  test.each([
    ["${none?it is needed}", "none: it is needed"],
    ["${empty:?}", "empty: is not allowed to be empty"],
    ["${one", "missing '}'"],
    ["${}", "bad substitution"],
    ["${one:=x}", "unsupported modifier (:=)"],
    ["${path/x}", "missing '/'"],
    ["${path#\\x}", "invalid pattern"],
    ["'one", "looking for matching single-quote"],
  ])("%s is refused", (text, problem) => {
    expect(() => word(text)).toThrow(DockerfileError);
    expect(() => word(text)).toThrow(problem);
  });

  test("${} in ${} in … ends", () => {
    expect(() => word("${a:-".repeat(10_000))).toThrow("nested too deeply");
  });

  test("tells which variables it used and which have no value", () => {
    const { used, unmatched } = expandWord("$one ${none:-$empty} '$spaces'", lookup);
    expect([...used]).toEqual(["one", "empty"]);
    expect([...unmatched]).toEqual(["none"]);
  });

  test("is divided at the white space of values, not at that in quotes", () => {
    expect(expandWord('x$spaces "$spaces" ""', lookup).words).toEqual(["xa", "b", "a  b"]);
  });

  test("a pattern full of stars takes no longer than others", () => {
    const value = "a".repeat(20_000);
    const text = `\${v#${"*a".repeat(30)}b}\${v/${"*a".repeat(30)}b/}\${v//*b/}`;
    expect(expandWord(text, () => value).text).toBe(value.repeat(3));
  });

  test("values that double with every line do not fill the memory", () => {
    const big = "x".repeat(2 ** 21);
    expect(() => expandWord("$a$a$a", () => big)).toThrow("too long");
  });
});

describe("a command", () => {
  const expanded = (line: string) => expandCommand(command(line), lookup).command;

  test("ENV and LABEL: names and values", () => {
    expect(expanded('ENV a$one="$one x" b=$none')).toMatchObject({
      pairs: [
        { key: "a1", value: "1 x" },
        { key: "b", value: "" },
      ],
    });
    expect(expanded("ENV key a $one 'b'")).toMatchObject({ pairs: [{ key: "key", value: "a 1 b" }] });
  });

  test("COPY: paths, owner, mode and what heredocs hold, not the patterns of --exclude", () => {
    expect(expanded("COPY --chown=$one --chmod=7$one --exclude=$one a$one b/ /$one")).toMatchObject({
      chown: "1",
      chmod: "71",
      exclude: ["$one"],
      sources: { paths: ["a1", "b/"], destination: "/1" },
    });
    expect(expanded("COPY <<a <<'b' /x\n\"$one\"\na\n$one\nb")).toMatchObject({
      sources: { heredocs: [{ content: '"1"\n' }, { content: "$one\n" }] },
    });
  });

  test("RUN: its mounts, and nothing of the shell's", () => {
    const run = expanded("RUN --mount=type=cache,target=/c$one,id=$none echo $one");
    expect(run).toMatchObject({
      command: { text: "echo $one" },
      mounts: [{ type: "cache", target: "/c1", readOnly: false }],
    });
    expect(expandCommand(command("RUN echo $one"), lookup).used.size).toBe(0);
  });

  test("EXPOSE: ports and ranges, whatever they were written as", () => {
    expect(expanded("EXPOSE 8$one/UDP 127.0.0.1:80-82:90-92")).toMatchObject({
      ports: ["90/tcp", "91/tcp", "92/tcp", "81/udp"],
    });
    for (const wrong of ["80/x", "x", "70000", "9-8", "/tcp", "1-2:3-5"]) {
      expect(() => expanded(`EXPOSE ${wrong}`)).toThrow(DockerfileError);
    }
  });

  test("CMD stays as it is", () => {
    expect(expanded("CMD $one")).toEqual(command("CMD $one"));
  });

  test("an error points to the line", () => {
    expect(() => expanded("WORKDIR ${one")).toThrow(/^Dockerfile:2:1: failed to process "\${one"/);
  });
});

test("titles have the values, and the first line of a script", () => {
  const title = (line: string) => commandTitle(command(line), lookup);
  expect(title("copy '$one' $one /x")).toBe("COPY $one 1 /x");
  expect(title("run echo \"$one\" '$one' $PATH")).toBe("RUN echo \"1\" '$one' $PATH");
  expect(title("RUN <<x\nset -e\nls\nx")).toBe("RUN <<x (set -e...)");
  expect(title("RUN cat <<x\nls\nx")).toBe("RUN cat <<x");
});

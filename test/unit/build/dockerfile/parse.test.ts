import { describe, expect, test } from "vitest";
import { DockerfileError, showLines } from "../../../../src/build/dockerfile/error.ts";
import { parseDockerfile } from "../../../../src/build/dockerfile/parse.ts";

const instructions = (text: string) => parseDockerfile(text).instructions;
const words = (text: string) => instructions(text).map(({ keyword, words }) => [keyword, ...words]);

function refusal(text: string): DockerfileError {
  try {
    parseDockerfile(text);
  } catch (error) {
    if (error instanceof DockerfileError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe("lines", () => {
  test("continue after a backslash, across comments and empty lines", () => {
    const [run] = instructions("RUN a \\\n# comment\n  \\\n\n  b\nCMD c");
    expect(run?.rest).toBe("a     b");
    expect(run?.range).toEqual({ start: { line: 1, column: 1 }, end: { line: 5, column: 4 } });
  });

  test("two backslashes at the end of a line are none that continues it", () => {
    expect(words("RUN a\\\\\nCMD b")).toEqual([
      ["RUN", "a\\\\"],
      ["CMD", "b"],
    ]);
  });

  test("an empty line in the middle of an instruction is warned of", () => {
    const { warnings } = parseDockerfile("RUN a \\\n\n b");
    expect(warnings).toMatchObject([{ rule: "NoEmptyContinuation", range: { start: { line: 3 } } }]);
    expect(parseDockerfile("RUN a \\\n# comment\n b").warnings).toEqual([]);
  });

  test("a byte order mark and carriage returns do not count", () => {
    expect(words("\ufeffFROM x\r\nRUN a \\\r\n b\r\n")).toEqual([
      ["FROM", "x"],
      ["RUN", "a  b"],
    ]);
  });

  test("columns begin at the keyword", () => {
    const [from] = instructions("\n   from x");
    expect(from).toMatchObject({ keyword: "FROM", range: { start: { line: 2, column: 4 } } });
  });

  test("comments above an instruction are kept up to an empty one", () => {
    const [arg] = instructions("# license\n#\n# A is a letter\nARG A");
    expect(arg?.comments).toEqual(["A is a letter"]);
  });

  test("a file without instructions is refused", () => {
    expect(refusal("# nothing\n").message).toBe("Dockerfile:1:1: file with no instructions");
    expect(refusal("").problem).toBe("file with no instructions");
  });

  test("lines longer than BuildKit's buffer are refused", () => {
    expect(refusal(`RUN ${"a".repeat(70_000)}`).problem).toMatch(/greater than max allowed size of 65535/);
  });
});

describe("directives", () => {
  test("stand before everything else, once each", () => {
    const { directives } = parseDockerfile("# syntax = docker/dockerfile:1\n#check=skip=all\nFROM x");
    expect(directives).toEqual({ syntax: "docker/dockerfile:1", check: "skip=all" });
    expect(parseDockerfile("# a comment\n# escape=`\nFROM x").escape).toBe("\\");
    expect(parseDockerfile("\n# escape=`\nFROM x").escape).toBe("\\");
    expect(refusal("# escape=`\n# ESCAPE=`\nFROM x").message).toMatch(/^Dockerfile:2:1: only one escape/);
  });

  test("escape makes the backtick continue lines", () => {
    expect(words('# escape=`\nRUN dir C:\\ `\n  /s\nENV a=`"b c=d')).toEqual([
      ["RUN", "dir C:\\   /s"],
      ["ENV", 'a=`"b', "c=d"],
    ]);
  });

  test("only a backslash or a backtick can be it", () => {
    expect(refusal("# escape=x\nFROM y").problem).toBe("invalid escape token 'x' does not match ` or \\");
  });
});

describe("words", () => {
  test("ENV and LABEL: pairs with their quotes, or a key and all of the rest", () => {
    expect(words("ENV a=1 b=\"2 3\" c=4\\ 5 'd e'=f")).toEqual([
      ["ENV", "a=1", 'b="2 3"', "c=4\\ 5", "'d e'=f"],
    ]);
    expect(words("LABEL  name   a = b ")).toEqual([["LABEL", "name", "a = b"]]);
    expect(refusal("ENV a").problem).toBe("ENV must have two arguments");
    expect(refusal("ENV a=b c").problem).toMatch(/can't find = in "c"/);
  });

  test("a JSON array of strings is the exec form, what is near to one is the shell's", () => {
    expect(instructions('CMD ["a", "b c"]')[0]).toMatchObject({ json: true, words: ["a", "b c"] });
    expect(instructions("CMD ['a']")[0]).toMatchObject({ json: false, words: ["['a']"] });
    expect(refusal('CMD ["a", ["b"]]').problem).toMatch(/strings only/);
  });

  test("flags lose quotes and escapes, and end at --", () => {
    const [copy] = instructions('COPY --chown="a b" --link --exclude=a\\ b -- --x /y');
    expect(copy?.flags).toEqual([
      { name: "chown", value: "a b" },
      { name: "link", value: undefined },
      { name: "exclude", value: "a b" },
    ]);
    expect(copy?.words).toEqual(["--x", "/y"]);
  });

  test("ONBUILD holds an instruction", () => {
    expect(instructions("ONBUILD COPY --link . /src")[0]?.trigger).toMatchObject({
      keyword: "COPY",
      flags: [{ name: "link" }],
      words: [".", "/src"],
    });
  });
});

describe("heredocs", () => {
  const heredocs = (text: string) => instructions(text)[0]?.heredocs;

  test("are read up to the line that is their name", () => {
    expect(heredocs("COPY <<a <<-'b' /x\n1\n a\na\n\t2\n\tb\n")).toEqual([
      { name: "a", content: "1\n a\n", written: "1\n a\n", expand: true },
      { name: "b", content: "2\n", written: "\t2\n", expand: false },
    ]);
  });

  test("are not for other instructions, JSON and quoted words", () => {
    expect(instructions("USER <<a\nCMD <<b")).toHaveLength(2);
    expect(heredocs('RUN ["cat", "<<a"]')).toEqual([]);
    expect(heredocs("RUN echo '<<a' \"<<b\" x<<c")).toEqual([]);
  });

  test("one that does not end names what is missing", () => {
    const error = refusal("FROM x\nRUN <<END\nls\n");
    expect(error.message).toBe("Dockerfile:2:1: unterminated heredoc");
    expect(error.hint).toContain("END");
  });
});

test("the lines of an error are shown as docker shows them", () => {
  const text = "FROM a\nRUN b\nRUN c \\\n  d\nCMD e\nUSER f\n";
  expect(showLines(text, { start: { line: 3, column: 1 }, end: { line: 4, column: 4 } })).toBe(
    [
      "--------------------",
      "   2 |     RUN b",
      "   3 | >>> RUN c \\",
      "   4 | >>>   d",
      "   5 |     CMD e",
      "--------------------",
    ].join("\n"),
  );
  expect(showLines(text, { start: { line: 1, column: 1 }, end: { line: 1, column: 5 } })).toContain(
    "   1 | >>> FROM a\n   2 |     RUN b\n   3 |     RUN c \\\n",
  );
  expect(showLines(text, { start: { line: 99, column: 1 }, end: { line: 99, column: 1 } })).toBe("");
});

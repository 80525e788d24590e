import { describe, expect, it } from "vitest";
import { alias, flag, list, refused, value } from "../../../src/cli/option-table.ts";
import { parseInteger } from "../../../src/cli/options/numbers.ts";
import { parseArguments } from "../../../src/cli/parse.ts";

const table = {
  interactive: flag("", { short: "i" }),
  tty: flag("", { short: "t" }),
  proxy: flag("", { default: true }),
  env: list("", { short: "e" }),
  name: value(""),
  memory: value("", { short: "m", parse: parseInteger }),
  network: value(""),
  net: alias("network"),
  publish: refused("not yet", "p"),
};

const parse = (...argv: string[]) => parseArguments(argv, table, { interspersed: false });
const values = (...argv: string[]) => parse(...argv).options;

describe("parseArguments", () => {
  it("gives defaults where nothing is said", () => {
    expect(values()).toEqual({
      interactive: false,
      tty: false,
      proxy: true,
      env: [],
      name: undefined,
      memory: undefined,
      network: undefined,
    });
  });

  it("ends the options at the first positional", () => {
    const { options, positionals } = parse("-i", "alpine", "ls", "-t", "--name", "x");
    expect(options.tty).toBe(false);
    expect(options.interactive).toBe(true);
    expect(positionals).toEqual(["alpine", "ls", "-t", "--name", "x"]);
  });

  it("takes options after positionals where they may be mixed", () => {
    const { options, positionals } = parseArguments(["a", "-i", "b", "--", "-t"], table, {
      interspersed: true,
    });
    expect(options.interactive).toBe(true);
    expect(positionals).toEqual(["a", "b", "-t"]);
  });

  it.each([
    [["--name", "x"], "x"],
    [["--name=x"], "x"],
    [["--name=a=b"], "a=b"],
    [["--name", "-x"], "-x"],
    [["--name="], ""],
  ])("reads the value of %j", (argv, expected) => {
    expect(values(...argv).name).toBe(expected);
  });

  it.each([
    [["-eA=b"], ["A=b"]],
    [
      ["-e", "A=b", "-e", "C"],
      ["A=b", "C"],
    ],
    [["-e=A=b"], ["A=b"]],
    [["-iteA=b"], ["A=b"]],
    [["--env", "--name"], ["--name"]],
  ])("collects the values of %j", (argv, expected) => {
    expect(values(...argv).env).toEqual(expected);
  });

  it.each([
    [["-it"], true, true],
    [["-it=false"], true, false],
    [["--tty=0", "-i=T"], true, false],
    [["-ti", "--interactive=false"], false, true],
  ])("sets the flags of %j", (argv, interactive, tty) => {
    expect(values(...argv)).toMatchObject({ interactive, tty });
  });

  it("follows aliases", () => {
    expect(values("--net", "none").network).toBe("none");
  });

  it.each([["--help"], ["-h"], ["-ih"]])("notices %s", (word) => {
    expect(parse(word, "--unknown").help).toBe(true);
  });

  it("leaves --help behind the first positional to the command", () => {
    expect(parse("alpine", "--help")).toMatchObject({ help: false, positionals: ["alpine", "--help"] });
  });

  it.each([
    [["--foo"], "unknown flag: --foo"],
    [["-itZ"], "unknown shorthand flag: 'Z' in -Z"],
    [["--name"], "flag needs an argument: --name"],
    [["-e"], "flag needs an argument: 'e' in -e"],
    [["--=x"], "bad flag syntax: --=x"],
    [
      ["-t=maybe"],
      'invalid argument "maybe" for "-t, --tty" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      ["-m", "q"],
      'invalid argument "q" for "-m, --memory" flag: strconv.ParseInt: parsing "q": invalid syntax',
    ],
    [["-p", "80:80"], "--publish is not supported: not yet"],
    [["-itp80:80"], "--publish is not supported: not yet"],
  ])("refuses %j in docker's words", (argv, message) => {
    expect(() => parse(...argv)).toThrow(expect.objectContaining({ message, exitCode: 125 }));
  });

  it("suggests the flag that was probably meant", () => {
    expect(() => parse("--nmae", "x")).toThrow(expect.objectContaining({ hint: "did you mean --name?" }));
  });
});

import { describe, expect, it } from "vitest";
import { helpText } from "../../../src/cli/help.ts";
import { find } from "../../../src/cli/main.ts";
import { parseArguments } from "../../../src/cli/parse.ts";
import { commands, groups, type Loader } from "../../../src/cli/registry.ts";

const loaders = new Map<string, Loader>(Object.entries(commands));
for (const [name, group] of Object.entries(groups)) {
  for (const [member, load] of Object.entries(group.commands)) loaders.set(`${name} ${member}`, load);
}
const all = await Promise.all(
  [...loaders].map(async ([form, load]) => [form, (await load()).default] as const),
);

/** The words of an example's first command, up to a pipe, a redirection or a comment, without quotes. */
function words(example: string): string[] {
  const found: string[] = [];
  const word = /\s*((?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"|<>;&])+)/y;
  for (let match = word.exec(example); match !== null; match = word.exec(example)) {
    const [, text = ""] = match;
    if (text === "#") break;
    found.push(text.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2").replaceAll("$PWD", "/src"));
  }
  return found;
}

describe("words", () => {
  it.each([
    ["tsrun ps -a  # all", ["tsrun", "ps", "-a"]],
    ["tsrun rm $(tsrun ps -aq) | cat", ["tsrun", "rm", "$(tsrun ps -aq)"]],
    [`tsrun x -f '{{.A}} b' "c d" > out`, ["tsrun", "x", "-f", "{{.A}} b", "c d"]],
  ])("%s", (example, expected) => {
    expect(words(example)).toEqual(expected);
  });
});

describe.each(all)("the examples of %s", (form, command) => {
  it("are there, and its help ends with them", async () => {
    expect(command.examples?.length).toBeGreaterThan(0);
    const [, shown = ""] = (await helpText(form.split(" "))).split("\nExamples:\n");
    for (const example of command.examples ?? []) expect(shown).toContain(example.split(/ +# /)[0]);
  });

  it.each(command.examples ?? [])("%s", (example) => {
    const [program, ...argv] = words(example);
    expect(program).toBe("tsrun");
    const found = find(argv);
    expect(command.forms).toContain(found.path.join(" "));
    const { positionals, help } = parseArguments(found.rest, command.options, command);
    expect(help).toBe(false);
    expect(positionals.length).toBeGreaterThanOrEqual(command.arguments.min);
    expect(positionals.length).toBeLessThanOrEqual(command.arguments.max);
  });
});

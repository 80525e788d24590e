import { describe, expect, it } from "vitest";
import { helpText } from "../../../src/cli/help.ts";
import { find } from "../../../src/cli/main.ts";
import { parseArguments } from "../../../src/cli/parse.ts";
import { commands, groups, type Loader } from "../../../src/cli/registry.ts";
import { words } from "../../support/example-words.ts";

const loaders = new Map<string, Loader>(Object.entries(commands));
for (const [name, group] of Object.entries(groups)) {
  for (const [member, load] of Object.entries(group.commands)) loaders.set(`${name} ${member}`, load);
}
const all = await Promise.all(
  [...loaders].map(async ([form, load]) => [form, (await load()).default] as const),
);

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

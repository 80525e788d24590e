/** The command lines that the documentation shows: each names a command that there is, with flags that it has. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { find } from "../../../src/cli/main.ts";
import { parseArguments } from "../../../src/cli/parse.ts";
import { commands, groups, type Loader } from "../../../src/cli/registry.ts";
import { words } from "../../support/example-words.ts";

const root = new URL("../../../", import.meta.url);
const files = [
  ...["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"],
  ...readdirSync(new URL("docs", root)).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
];

const loaderOf = ([first = "", second = ""]: readonly string[]): Loader | undefined =>
  groups[first]?.commands[second] ?? commands[first];

/** Those to be typed, which are indented, and those that a sentence mentions, often by their name alone. */
function commandsIn(file: string): { typed: string[]; mentioned: string[] } {
  const text = readFileSync(new URL(file, root), "utf8").replaceAll(/\\\n\s*/g, " ");
  const typed = [...text.matchAll(/^ {4}(?:\$ )?(?:sudo )?(tsrun .*)$/gm)];
  const mentioned = [...text.matchAll(/`(?:sudo )?(tsrun [a-z][^`\n]*)`/g)];
  const complete = (found: RegExpExecArray[]): string[] =>
    found
      .flatMap(([, line = ""]) => line.split(/ && (?:sudo )?(?=tsrun )/))
      .filter((line) => !/…|\.\.\.|[A-Z]{4}/.test(line));
  return { typed: complete(typed), mentioned: complete(mentioned) };
}

async function parsed(line: string) {
  const [, ...argv] = words(line);
  const { path, rest } = find(argv);
  const load = loaderOf(path);
  if (load === undefined) return undefined;
  const { default: command } = await load();
  return { ...parseArguments(rest, command.options, command), arguments: command.arguments };
}

const documented = files.map((file) => [file, commandsIn(file)] as const);
const withCommands = documented.filter(([, { typed, mentioned }]) => typed.length + mentioned.length > 0);

describe.each(withCommands)("%s", (_, { typed, mentioned }) => {
  it.each(typed)("%s", async (line) => {
    const found = await parsed(line);
    if (found === undefined || found.help) return;
    expect(found.positionals.length).toBeGreaterThanOrEqual(found.arguments.min);
    expect(found.positionals.length).toBeLessThanOrEqual(found.arguments.max);
  });

  it.each(mentioned)("%s", async (line) => {
    const found = await parsed(line);
    if (found !== undefined) expect(found.positionals.length).toBeLessThanOrEqual(found.arguments.max);
  });
});

test("there are some, and a wrong one is noticed", async () => {
  expect(documented.flatMap(([, { typed }]) => typed).length).toBeGreaterThan(30);
  await expect(parsed("tsrun run --no-such-flag x")).rejects.toThrow("no-such-flag");
  await expect(parsed("tsrun no-such-command")).rejects.toThrow("no-such-command");
});

/** Help texts in docker's layout, rendered by yargs from the same tables that the parser reads. */
import type { Argv } from "yargs";
import type { Command } from "./command.ts";
import { globalOptions } from "./global-options.ts";
import { find } from "./main.ts";
import type { OptionTable } from "./option-table.ts";
import { type Commands, commands, type Group, groups, visible } from "./registry.ts";

/** The most used ones, which lead the list. */
const COMMON = [
  ...["run", "exec", "ps", "build", "pull", "push", "images"],
  ...["login", "logout", "search", "version", "info"],
];

/** Help for a command or group, or for tsrun itself where the path is empty. */
export async function helpText(path: readonly string[]): Promise<string> {
  if (path.length === 0) return await overview();
  const found = find(path);
  const program = `tsrun ${found.path.join(" ")}`;
  if (found.group !== undefined) return await groupHelp(program, found.group);
  return await commandHelp(program, (await found.load()).default);
}

async function overview(): Promise<string> {
  const all = await summaries(commands);
  const common = COMMON.flatMap((name) => all.filter(([each]) => each === name));
  const others = all.filter(([name]) => !COMMON.includes(name)).sort(byName);
  const management = Object.entries(groups).map(([name, { summary }]): Row => [name, summary]);
  const width = widest([...all, ...management]);
  const sections = [
    section("Common Commands", common, width),
    section("Management Commands", management.sort(byName), width),
    section("Commands", others, width),
    await optionSection("Global Options", globalOptions),
  ];
  return [
    "Usage:  tsrun [OPTIONS] COMMAND",
    "",
    "Containers on Linux, without a daemon",
    "",
    sections.join("\n"),
    "Run 'tsrun COMMAND --help' for more information on a command.",
    "",
  ].join("\n");
}

async function groupHelp(program: string, group: Group): Promise<string> {
  const rows = (await summaries(group.commands)).sort(byName);
  return [
    `Usage:  ${program} COMMAND`,
    "",
    group.summary,
    "",
    section("Commands", rows, widest(rows)),
    `Run '${program} COMMAND --help' for more information on a command.`,
    "",
  ].join("\n");
}

async function commandHelp(program: string, command: Command): Promise<string> {
  const lines = [`Usage:  ${program} ${command.usage}`, "", wrap(command.summary, columns()), ""];
  if (command.forms.length > 1) {
    lines.push("Aliases:", `  ${command.forms.map((form) => `tsrun ${form}`).join(", ")}`, "");
  }
  const options = await optionSection("Options", command.options);
  const sections = [lines.join("\n"), options, exampleSection(command.examples ?? [])];
  return sections.filter((text) => text !== "").join("\n");
}

/** Comments stand beside the command lines where the screen is wide enough for all of them, else above each. */
function exampleSection(examples: readonly string[]): string {
  if (examples.length === 0) return "";
  const rows = examples.map((example) => example.split(/ +# /) as [line: string, comment?: string]);
  const width = Math.max(...rows.map(([line]) => line.length));
  const beside = rows.map(([line, comment]) =>
    comment === undefined ? `  ${line}` : `  ${line.padEnd(width)}   # ${comment}`,
  );
  const above = rows.map(([line, comment]) =>
    comment === undefined ? `  ${line}` : `  # ${comment}\n  ${line}`,
  );
  const fits = beside.every((row) => row.length <= columns());
  return `Examples:\n${(fits ? beside : above).join("\n")}\n`;
}

const columns = (): number => Math.max(80, process.stdout.columns ?? 0);

type Row = [name: string, summary: string];

const byName = ([a]: Row, [b]: Row): number => (a < b ? -1 : 1);
const widest = (rows: readonly Row[]): number => Math.max(...rows.map(([name]) => name.length));

async function summaries(from: Commands): Promise<Row[]> {
  return (await visible(from)).map(([name, { summary }]) => [name, summary]);
}

/** Names in a column of the given width, beside them the summaries, wrapped to what is left of the screen. */
function section(title: string, rows: readonly Row[], width: number): string {
  const indent = " ".repeat(width + 5);
  const lines = rows.map(
    ([name, summary]) => `  ${name.padEnd(width)}   ${wrap(summary, columns() - indent.length, indent)}`,
  );
  return [`${title}:`, ...lines, ""].join("\n");
}

/** Breaks at blanks, so that no line is longer than `limit`; lines after the first begin with `indent`. */
function wrap(text: string, limit: number, indent = ""): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > limit) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join(`\n${indent}`);
}

async function optionSection(title: string, table: OptionTable): Promise<string> {
  const { default: yargs } = await import("yargs");
  const parser = yargs([])
    .usage(title)
    .help(false)
    .version(false)
    .wrap(columns())
    .updateStrings({ "Options:": `${title}:` });
  for (const name of Object.keys(table).sort()) describe(parser, name, table);
  const text = await parser.getHelp();
  const start = text.indexOf(`${title}:`);
  return start === -1 ? "" : `${text.slice(start).trimEnd()}\n`;
}

/** yargs shows a key as it is given, so the kind of value ("list") is part of it. */
function describe(parser: Argv, name: string, table: OptionTable): void {
  const option = table[name];
  if (option === undefined || option.kind === "alias" || option.kind === "refused") return;
  const key = option.kind === "flag" ? name : `${name} ${option.metavar}`;
  const note = option.kind === "flag" && option.default ? " (default true)" : "";
  parser.option(key, {
    ...(option.short !== undefined && { alias: option.short }),
    description: option.description + note,
  });
}

/** Help texts in docker's layout, rendered by yargs from the same tables that the parser reads. */
import type { Argv } from "yargs";
import type { Command } from "./command.ts";
import { globalOptions } from "./global-options.ts";
import { find } from "./main.ts";
import type { OptionTable } from "./option-table.ts";
import { type Commands, commands, type Group, groups } from "./registry.ts";

/** The most used ones, which lead the list. */
const COMMON = ["run", "exec", "ps", "pull", "images", "version"];

/** Help for a command or group, or for tsrun itself where the path is empty. */
export async function helpText(path: readonly string[]): Promise<string> {
  if (path.length === 0) return await overview();
  const found = find(path);
  const program = `tsrun ${found.path.join(" ")}`;
  if (found.group !== undefined) return await groupHelp(program, found.group);
  return await commandHelp(program, (await found.load()).default);
}

async function overview(): Promise<string> {
  const others = Object.keys(commands).filter((name) => !COMMON.includes(name));
  const groupRows = Object.entries(groups).map(([name, { summary }]) => [name, summary] as const);
  const sections = [
    section("Common Commands", await summaries(commands, COMMON)),
    section("Management Commands", groupRows),
    section("Commands", await summaries(commands, others.sort())),
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
  const rows = await summaries(group.commands, Object.keys(group.commands).sort());
  return [
    `Usage:  ${program} COMMAND`,
    "",
    group.summary,
    "",
    section("Commands", rows),
    `Run '${program} COMMAND --help' for more information on a command.`,
    "",
  ].join("\n");
}

async function commandHelp(program: string, command: Command): Promise<string> {
  const lines = [`Usage:  ${program} ${command.usage}`, "", command.summary, ""];
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

async function summaries(from: Commands, names: readonly string[]): Promise<[string, string][]> {
  const load = async (name: string): Promise<[string, string]> => {
    const { default: command } = await (from[name] as Commands[string])();
    return [name, command.summary];
  };
  return await Promise.all(names.map(load));
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [`${title}:`, ...rows.map(([name, summary]) => `  ${name.padEnd(width)}   ${summary}`), ""].join(
    "\n",
  );
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

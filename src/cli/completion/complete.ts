/** Completes a command line from the tables that the parser reads: commands, their options, and what these take. */
import type { Command } from "../command.ts";
import { globalOptions } from "../global-options.ts";
import { find } from "../main.ts";
import type { OptionTable } from "../option-table.ts";
import { commands, groups, visible } from "../registry.ts";
import { type Candidate, type Completion, type Names, NOTHING } from "./completion.ts";
import { positionalsOf } from "./positionals.ts";
import { optionOf, type Scan, scan } from "./scan.ts";
import { valuesOf } from "./values.ts";

export interface World {
  names: Names;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * What the last word, which may be empty, can become. `words` are those after the program's name. Throws where they
 * begin with a command that there is not, or where names are needed and cannot be read.
 */
export async function complete(words: readonly string[], world: World): Promise<Completion> {
  const current = words.at(-1) ?? "";
  const found = await candidatesFor(words.slice(0, -1), current, world);
  return { ...found, candidates: found.candidates.filter(({ text }) => text.startsWith(current)) };
}

async function candidatesFor(before: readonly string[], current: string, world: World): Promise<Completion> {
  const outer = scan(before, globalOptions, false);
  const place = { command: "tsrun", table: globalOptions, scanned: outer, current, world };
  const option = await optionPart(place);
  if (option !== undefined) return option;

  const [first] = outer.positionals;
  if (first === undefined) return { candidates: await commandNames() };
  if (first === "help") return await commandPart(outer.positionals.slice(1), "", world, true);
  return await commandPart(outer.positionals, current, world, false);
}

/** Inside of a command, or of a group, whose members follow. */
async function commandPart(
  words: readonly string[],
  current: string,
  world: World,
  isHelp: boolean,
): Promise<Completion> {
  if (words.length === 0) return { candidates: await commandNames() };
  const found = find(words);
  if (found.group !== undefined) {
    if (found.rest.length > 0) return NOTHING;
    if (current.startsWith("-")) return { candidates: [HELP] };
    return { candidates: await summaries(found.group.commands) };
  }
  if (isHelp) return NOTHING;
  const command: Command = (await found.load()).default;
  const name = command.forms.at(-1) as string;
  if (name === "oci") return await (await import("./oci.ts")).completeOci(found.rest, current);
  const scanned = scan(found.rest, command.options, command.interspersed);
  const option = await optionPart({ command: name, table: command.options, scanned, current, world });
  if (option !== undefined) return option;
  return await positionalsOf({
    command: name,
    usage: command.usage,
    before: scanned.positionals,
    names: world.names,
  });
}

interface OptionPlace {
  command: string;
  table: OptionTable;
  scanned: Scan;
  current: string;
  world: World;
}

/** The value of an option that waits for it, `--name=value`, or the options themselves; undefined where none is due. */
async function optionPart(place: OptionPlace): Promise<Completion | undefined> {
  const { table, scanned, current } = place;
  if (scanned.pending !== undefined) return await valuePart(scanned.pending, current, place);
  if (scanned.ended || !current.startsWith("-")) return undefined;
  const [, written, value] = /^--([^=]+)=(.*)$/s.exec(current) ?? [];
  if (written === undefined || value === undefined) return { candidates: optionNames(table, scanned.given) };
  const found = await valuePart(written, value, place);
  const candidates = found.candidates.map((each) => ({ ...each, text: `--${written}=${each.text}` }));
  return { ...found, candidates };
}

async function valuePart(written: string, current: string, place: OptionPlace): Promise<Completion> {
  const [name, option] = optionOf(place.table, written) ?? [];
  if (name === undefined || option === undefined) return NOTHING;
  return await valuesOf({ name, option, command: place.command, current, ...place.world });
}

const HELP: Candidate = { text: "--help", note: "Print usage" };

/** Long and short names of the options that can be given, once more or for the first time. */
function optionNames(table: OptionTable, given: ReadonlySet<string>): Candidate[] {
  const names = Object.keys(table).sort();
  const candidates = names.flatMap((name): Candidate[] => {
    const option = table[name];
    if (option === undefined || option.kind === "alias" || option.kind === "refused") return [];
    if (given.has(name) && option.kind !== "list") return [];
    const note = option.description;
    const long = { text: `--${name}`, note };
    return option.short === undefined ? [long] : [{ text: `-${option.short}`, note }, long];
  });
  return [...candidates, HELP];
}

async function commandNames(): Promise<Candidate[]> {
  const groupNames = Object.entries(groups).map(([text, { summary }]) => ({ text, note: summary }));
  const all = [...(await summaries(commands)), ...groupNames, { text: "help", note: "Help about a command" }];
  return all.sort((a, b) => (a.text < b.text ? -1 : 1));
}

async function summaries(from: typeof commands): Promise<Candidate[]> {
  const shown = await visible(from);
  return shown.map(([text, { summary }]) => ({ text, note: summary }));
}

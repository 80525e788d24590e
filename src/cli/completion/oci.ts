/** Completes `tsrun oci …` from the tables of the OCI interface. */
import { defaultRoot } from "../../oci/root.ts";
import { listIds } from "../../oci/state.ts";
import type { OciFlag } from "../oci/command.ts";
import { commands } from "../oci/commands.ts";
import { globalFlags } from "../oci/globals.ts";
import type { Candidate, Completion } from "./completion.ts";
import { FILES } from "./completion.ts";

/** Flags whose value is a file or a directory. */
const PATHS = /^(log|root|bundle|pid-file|process|console-socket|pidfd-socket)$/;

/** What the word after `before` can become. */
export async function completeOci(before: readonly string[], current: string): Promise<Completion> {
  const at = commandAt(before);
  const load = at === undefined ? undefined : commands[before[at] as string];
  const command = (await load?.())?.default;
  const flags = command?.flags ?? globalFlags;
  if (awaitsPath(flags, before.at(-1))) return FILES;
  if (current.startsWith("-"))
    return { candidates: flags.filter(({ hidden }) => !hidden).map(flagCandidate) };
  if (command === undefined) return { candidates: await commandCandidates() };
  const named = before.slice((at ?? 0) + 1).some((word) => !word.startsWith("-"));
  const takesContainer = !/^(create|run|spec|list|features)$/.test(command.name);
  return { candidates: takesContainer && !named ? ids(before).map((text) => ({ text })) : [] };
}

/** Where the command stands: behind the global flags and their values. */
function commandAt(words: readonly string[]): number | undefined {
  const at = words.findIndex((word) => Object.hasOwn(commands, word));
  return at < 0 ? undefined : at;
}

function awaitsPath(flags: readonly OciFlag[], last = ""): boolean {
  const [, name] = /^--?([^=]+)$/.exec(last) ?? [];
  if (name === undefined) return false;
  const flag = flags.find((each) => each.name === name || each.alias === name);
  return flag !== undefined && flag.kind !== "boolean" && PATHS.test(flag.name);
}

const flagCandidate = ({ name, usage }: OciFlag): Candidate => ({ text: `--${name}`, note: usage });

async function commandCandidates(): Promise<Candidate[]> {
  const loaded = await Promise.all(Object.values(commands).map(async (load) => (await load()).default));
  return loaded.map(({ name, usage }) => ({ text: name, note: usage }));
}

function ids(words: readonly string[]): string[] {
  const at = words.indexOf("--root");
  try {
    return listIds(words[at + 1] !== undefined && at >= 0 ? (words[at + 1] as string) : defaultRoot());
  } catch {
    return [];
  }
}

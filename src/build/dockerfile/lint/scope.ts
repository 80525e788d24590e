/** The variables that a build knows before it begins. */
import { expandWord } from "../expand/command.ts";
import type { Platform } from "../platform.ts";
import type { ArgCommand, ParsedDockerfile } from "../types.ts";

export type BuildArgs = Readonly<Record<string, string | undefined>>;

/** What every FROM may use: platforms, and the target's name. */
export function predefined(
  { build, target, stage }: { build: Platform; target: Platform; stage: string },
  given: BuildArgs,
): Map<string, string> {
  const of = (prefix: string, { os, architecture, variant }: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, [os, architecture, variant].filter((part) => part !== "").join("/")],
    [`${prefix}OS`, os],
    [`${prefix}OSVERSION`, ""],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant],
  ];
  const all: [string, string][] = [...of("BUILD", build), ...of("TARGET", target), ["TARGETSTAGE", stage]];
  return new Map(all.map(([name, value]) => [name, given[name] ?? value]));
}

/** Those, with the ARGs before the first FROM that have a value; and the names of all of those ARGs. */
export function globalArguments(
  globals: readonly ArgCommand[],
  options: { predefined: ReadonlyMap<string, string>; given: BuildArgs; token: ParsedDockerfile["escape"] },
): { values: Map<string, string>; names: Set<string> } {
  const values = new Map(options.predefined);
  const names = new Set<string>();
  for (const { pairs, range } of globals) {
    for (const { key, value } of pairs) {
      names.add(key);
      const own =
        options.given[key] ??
        (value === undefined
          ? undefined
          : expandWord(value, (name) => values.get(name), options.token, range).text);
      if (own !== undefined) values.set(key, own);
    }
  }
  return { values, names };
}

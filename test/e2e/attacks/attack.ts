/**
 * Attacks from inside a container, attempted for real. Each names what in tsrun stands in its way as edits of the source
 * that take it away: against tsrun as it is an attack gets nothing, and against a tsrun built with the edits it succeeds
 * (weakened.ts), so that it is known to be one.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cli, CliProcess, CliResult, CliSettings } from "../../support/cli.ts";

export interface Attack {
  /** What it is known as, and what it is after. */
  name: string;
  /** What keeps it from succeeding, taken out. */
  weakening: readonly Edit[];
  /** Returns what it got: nothing, where it failed. */
  attempt(scene: Scene): Promise<string[]>;
}

/** One text of a source file that another takes the place of. */
export interface Edit {
  /** From the repository's root. */
  file: string;
  from: string;
  to: string;
  /** Otherwise there is one place for it. */
  everywhere?: boolean;
}

/** Where attacks take place: a host with something to steal, and an attacker who has been let into containers. */
export interface Scene {
  cli: Cli;
  /** The installation that is attacked, with bin/ and native/build/. */
  installation: string;
  /** A directory of the host with `secret` in it, readable for everybody. */
  vault: string;
  /** A file of the host that says SECRET. */
  secret: string;
  /** Runs the attacker with these words in a new container without a network. */
  run(words: readonly string[], how?: RunSettings): Promise<CliResult>;
  /** The same as a line for a shell. */
  line(words: readonly string[], flags?: readonly string[]): string;
  /** Starts a container for others to work in; returns its id. */
  hold(...flags: string[]): Promise<string>;
  /** Runs the attacker in a container that runs. */
  exec(container: string, words: readonly string[], flags?: readonly string[]): Promise<CliResult>;
  /** Starts the attacker in a new container and waits until it says that it is waiting. */
  ambush(words: readonly string[], flags?: readonly string[]): Promise<CliProcess & { name: string }>;
}

export interface RunSettings {
  flags?: readonly string[];
  image?: string;
  /** The attacker under another name. */
  program?: string;
  settings?: CliSettings;
}

export const SECRET = "what only the host may read";
/** Where the attacker is in every container. */
export const ATTACKER = "/attacker";

const HERE = dirname(fileURLToPath(import.meta.url));

/** What the attacker says that it got. */
export const lootOf = (...results: readonly Pick<CliResult, "stdout">[]): string[] =>
  results.flatMap(({ stdout }) => stdout.match(/LOOT .*/g) ?? []);

/** Compiles the attacker and hides the secret. */
export function setScene(cli: Cli, installation: string): Scene {
  const vault = join(cli.directory, "vault");
  mkdirSync(vault, { recursive: true });
  chmodSync(cli.directory, 0o755);
  const secret = join(vault, "secret");
  writeFileSync(secret, `${SECRET}\n`);
  const attacker = join(cli.directory, "attacker");
  execFileSync("gcc", [
    "-O1",
    "-static",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-o",
    attacker,
    join(HERE, "attacker.c"),
  ]);
  const base = ["--network", "none", "-v", `${attacker}:${ATTACKER}:ro`];
  let names = 0;
  return {
    cli,
    installation,
    vault,
    secret,
    run: (words, { flags = [], image = "tsrun/base", program = ATTACKER, settings = {} } = {}) =>
      cli.tsrunWith(settings, "run", "--rm", ...base, ...flags, image, program, ...words),
    line: (words, flags = []) =>
      ["tsrun", "run", "--rm", ...base, ...flags, "tsrun/base", ATTACKER, ...words].join(" "),
    hold: (...flags) => cli.output("run", "-d", ...base, ...flags, "tsrun/base", "sleep", "1000"),
    exec: (container, words, flags = []) => cli.tsrun("exec", ...flags, container, ATTACKER, ...words),
    async ambush(words, flags = []) {
      const name = `ambush-${names++}`;
      const image = ["tsrun/base", ATTACKER, ...words];
      const started = cli.start({}, "run", "--rm", "--name", name, ...base, ...flags, ...image);
      await started.until(/waiting/);
      return { ...started, name };
    },
  };
}

/** Does something with a container that is removed afterwards, whatever comes of it. */
export async function withContainer<T>(scene: Scene, id: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await scene.cli.tsrun("rm", "-f", id);
  }
}

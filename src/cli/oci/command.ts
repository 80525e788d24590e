/** A command of the OCI face as data: what the parser, the help text and the dispatcher need of it. */

export type FlagKind = "boolean" | "string" | "strings" | "number" | "numbers";

export interface OciFlag {
  name: string;
  alias?: string;
  kind: FlagKind;
  usage: string;
  /** What the help text says is taken where nothing else is said. */
  default?: string;
  hidden?: boolean;
}

export interface OciCommand {
  name: string;
  /** One line. */
  usage: string;
  /** The words after the flags, and what they mean; examples. */
  arguments: string;
  flags: readonly OciFlag[];
  /** How many words. */
  count: { min: number; max: number };
  /** What follows the first word is not looked into for flags. */
  stopAtFirst?: boolean;
  /** Flags that are not known are words. */
  anyFlags?: boolean;
  /** Returns the exit code. */
  run(call: Call): Promise<number> | number;
}

/** What a command line says. */
export interface Call {
  words: string[];
  flags: Values;
  globals: Globals;
}

export interface Globals {
  root: string;
  /** --root was given. */
  ownRoot: boolean;
  systemdCgroup: boolean;
  rootless: string;
}

/** The values of flags by name, absent where they were not given. */
export class Values {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }
  string(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }
  /** A path or a name that is not the empty one. */
  text(name: string): string | undefined {
    return this.string(name) || undefined;
  }
  strings(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
  boolean(name: string): boolean {
    return this.string(name) === "true";
  }
  number(name: string): number | undefined {
    const value = this.string(name);
    return value === undefined ? undefined : Number(value);
  }
}

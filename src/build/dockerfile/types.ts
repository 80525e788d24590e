/**
 * A Dockerfile in two readings: the lines as they are written (`Instruction`), and what they say (`Command`). Both
 * know where they stand, so that every later error can show the line.
 */

/** 1-based; columns count UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** From the first character up to the one after the last. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** `<<EOF`: a file in the middle of the Dockerfile. */
export interface Heredoc {
  readonly name: string;
  /** Its lines, each with its newline; without their leading tabs where it was opened with `<<-`. */
  readonly content: string;
  /** The lines as they stand in the file. */
  readonly written: string;
  /** Variables are replaced: its name was not quoted. */
  readonly expand: boolean;
}

/** `--name=value`, or `--name` alone. */
export interface Flag {
  readonly name: string;
  readonly value: string | undefined;
}

/** A logical line: keyword, flags and the rest, with continuations joined and comments taken out. */
export interface Instruction {
  /** In capitals, whatever was written. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  /**
   * What follows the flags, as it was written, and in words as this keyword divides it: those of a JSON array, at
   * white space (quotes stay), or one for all of it. ENV and LABEL: `key=value` words, or two of the old `key value`.
   */
  readonly rest: string;
  readonly words: readonly string[];
  /** The rest was a JSON array of strings. */
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** The instruction after ONBUILD. */
  readonly trigger?: Instruction;
  /** The lines as they stand in the file, joined, without heredocs; for history and messages. */
  readonly original: string;
  /** The comment lines above it, without their #; up to an empty one. */
  readonly comments: readonly string[];
  readonly range: Range;
}

export interface ParsedDockerfile {
  /** The file's name, for messages. */
  readonly name: string;
  readonly text: string;
  /** `# syntax=`, `# escape=`, `# check=`: the values as they were written, by their names in lower case. */
  readonly directives: Readonly<Record<string, string>>;
  readonly escape: "\\" | "`";
  readonly instructions: readonly Instruction[];
  readonly warnings: readonly DockerfileWarning[];
}

/** What `build --check` tells; `rule` is Docker's name of it (StageNameCasing, JSONArgsRecommended, …). */
export interface DockerfileWarning {
  readonly rule: string;
  readonly description: string;
  readonly url: string;
  readonly message: string;
  readonly range: Range;
}

/** A command line: a shell's text, or the words of an execve(2). */
export type CommandLine =
  | { readonly form: "shell"; readonly text: string; readonly heredocs: readonly Heredoc[] }
  | { readonly form: "exec"; readonly words: readonly string[] };

/** Files that a COPY or ADD takes: paths and URLs, and heredocs, whose `name` is the file's. */
export interface Sources {
  readonly paths: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly destination: string;
}

/** RUN --mount; a type that does not know a field has it undefined. */
export interface RunMount {
  readonly type: "bind" | "cache" | "tmpfs" | "secret" | "ssh";
  /** undefined: where the type says (/run/secrets/<id>, /run/buildkit/ssh_agent.<n>). */
  readonly target?: string;
  readonly source?: string;
  /** A stage, image or named context. */
  readonly from?: string;
  readonly readOnly: boolean;
  readonly id?: string;
  readonly sharing?: "shared" | "private" | "locked";
  readonly required?: boolean;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Bytes, of a tmpfs. */
  readonly size?: number;
  /** The variable in which a secret is given, instead of a file or beside it. */
  readonly env?: string;
}

/** What every command has. */
export interface Common {
  readonly range: Range;
  readonly original: string;
}

export interface RunCommand extends Common {
  readonly keyword: "RUN";
  readonly command: CommandLine;
  /** --mount as it was written. */
  readonly mountFlags: readonly string[];
  /**
   * Complete and checked once the command was expanded; before that, `from` is right, which never has variables, and
   * the rest is what can be told without them.
   */
  readonly mounts: readonly RunMount[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
}

/** What COPY and ADD have in common. */
export interface CopyFields extends Common {
  readonly sources: Sources;
  /** user[:group], names or numbers. */
  readonly chown?: string;
  /** Octal ("0755") or symbolic ("u=rwX,go=rX"). */
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
}

export interface CopyCommand extends CopyFields {
  readonly keyword: "COPY";
  readonly from?: string;
}

export interface AddCommand extends CopyFields {
  readonly keyword: "ADD";
  /** "sha256:…" */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}

/** `KEY=VALUE`. Until it was expanded it has the quotes that it was written with, since expansion looks at them. */
export interface Pair {
  readonly key: string;
  readonly value: string;
}

export interface EnvCommand extends Common {
  readonly keyword: "ENV";
  readonly pairs: readonly Pair[];
  /** Written as `ENV key value`. */
  readonly legacy: boolean;
}

export interface LabelCommand extends Common {
  readonly keyword: "LABEL";
  readonly pairs: readonly Pair[];
  readonly legacy: boolean;
}

export interface ArgCommand extends Common {
  readonly keyword: "ARG";
  readonly pairs: readonly { readonly key: string; readonly value: string | undefined }[];
}

export interface WorkdirCommand extends Common {
  readonly keyword: "WORKDIR";
  readonly path: string;
}

export interface UserCommand extends Common {
  readonly keyword: "USER";
  readonly user: string;
}

export interface ExposeCommand extends Common {
  readonly keyword: "EXPOSE";
  /** Sorted, as BuildKit has them; "80/tcp", with ranges written out, once the command was expanded. */
  readonly ports: readonly string[];
}

export interface VolumeCommand extends Common {
  readonly keyword: "VOLUME";
  readonly paths: readonly string[];
}

export interface CmdCommand extends Common {
  readonly keyword: "CMD";
  readonly command: CommandLine;
}

export interface EntrypointCommand extends Common {
  readonly keyword: "ENTRYPOINT";
  readonly command: CommandLine;
}

export interface ShellCommand extends Common {
  readonly keyword: "SHELL";
  readonly words: readonly string[];
}

export interface StopSignalCommand extends Common {
  readonly keyword: "STOPSIGNAL";
  readonly signal: string;
}

export interface HealthcheckCommand extends Common {
  readonly keyword: "HEALTHCHECK";
  /** As an image's configuration has it, durations in nanoseconds; { test: ["NONE"] } for NONE. */
  readonly check: {
    readonly test: readonly string[];
    readonly interval?: number;
    readonly timeout?: number;
    readonly startPeriod?: number;
    readonly startInterval?: number;
    readonly retries?: number;
  };
}

export interface OnBuildCommand extends Common {
  readonly keyword: "ONBUILD";
  /** The instruction as it was written. */
  readonly trigger: string;
}

export interface MaintainerCommand extends Common {
  readonly keyword: "MAINTAINER";
  readonly name: string;
}

export type Command =
  | RunCommand
  | CopyCommand
  | AddCommand
  | EnvCommand
  | LabelCommand
  | ArgCommand
  | WorkdirCommand
  | UserCommand
  | ExposeCommand
  | VolumeCommand
  | CmdCommand
  | EntrypointCommand
  | ShellCommand
  | StopSignalCommand
  | HealthcheckCommand
  | OnBuildCommand
  | MaintainerCommand;

/** FROM and what follows it. */
export interface Stage {
  /** In lower case, as stages are compared; undefined where it has none. */
  readonly name?: string;
  /** Of the present file, from 0. */
  readonly index: number;
  /** As it was written, not expanded: an image, a stage's name, or scratch. */
  readonly base: string;
  readonly platform?: string;
  readonly commands: readonly Command[];
  readonly range: Range;
  readonly original: string;
}

export interface Dockerfile {
  readonly parsed: ParsedDockerfile;
  /** ARG before the first FROM. */
  readonly globals: readonly ArgCommand[];
  readonly stages: readonly Stage[];
}

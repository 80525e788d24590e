/** What the completion of a word is made of. */

export interface Candidate {
  text: string;
  /** Shown beside it where the shell can. */
  note?: string;
}

export interface Completion {
  candidates: readonly Candidate[];
  /** Also the names of files, or of directories, which shells know best. */
  files?: "any" | "directories";
  /** The word goes on after what is offered: no space is added. */
  partial?: boolean;
}

export type ContainerFilter = "all" | "running" | "startable" | "paused";

/** Names of what there is, asked for when they are needed. */
export interface Names {
  containers(filter: ContainerFilter): Promise<Candidate[]>;
  images(): Promise<Candidate[]>;
  networks(): Promise<Candidate[]>;
  volumes(): Promise<Candidate[]>;
}

export const NOTHING: Completion = { candidates: [] };
export const FILES: Completion = { candidates: [], files: "any" };
export const DIRECTORIES: Completion = { candidates: [], files: "directories" };

export const words = (texts: readonly string[]): Completion => ({
  candidates: texts.map((text) => ({ text })),
});

/** Beginnings of words: "type=". */
export const beginnings = (texts: readonly string[]): Completion => ({ ...words(texts), partial: true });

/** The bits by which the shell's script is told, those of the completion scripts that cobra makes. */
const NO_SPACE = 2;
const NO_FILES = 4;
const DIRECTORIES_ONLY = 16;

/** One line a candidate, its note after a tab; the last line is the sum of the bits after a colon. */
export function renderCompletion({ candidates, files, partial }: Completion): string {
  const lines = candidates.map(({ text, note }) => (note === undefined ? text : `${text}\t${note}`));
  const kind = files === undefined ? NO_FILES : files === "directories" ? DIRECTORIES_ONLY : 0;
  return [...lines, `:${kind + (partial ? NO_SPACE : 0)}`, ""].join("\n");
}

/** Where images of the same context differ for a reason; docs/build.md says the same in a reader's words. */

export interface Exception {
  readonly peer: "docker" | "buildah";
  /** The context's name; all without it. */
  readonly context?: string;
  /** Of a line as differences() writes it: "what" field: tsrun's, not the peer's. */
  readonly difference: RegExp;
  readonly why: string;
}

export const exceptions: readonly Exception[] = [
  {
    peer: "buildah",
    difference: /^"\(history\) \d\d"/,
    why: "it writes the history of docker's classic builder",
  },
  {
    peer: "buildah",
    difference: /^"\(config\) ArgsEscaped" entry: /,
    why: "deprecated; docker writes it",
  },
];

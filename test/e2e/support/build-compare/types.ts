/** Contexts that several builders build, for comparing what comes out. */

export interface BuildContext {
  /** What it is about. */
  readonly name: string;
  /** Makes the files: lines of bash, in the empty directory of the context. */
  readonly files?: string;
  /** `SERVER` in it becomes the URL of a web server. */
  readonly dockerfile: string;
  readonly flags?: readonly string[];
  /** By whom it cannot be built, and why. */
  readonly refused?: { readonly docker?: string; readonly buildah?: string };
  /** Stages that are built as images of their own; else the last one. */
  readonly targets?: readonly string[];
}

import type { OciConfig } from "../oci.ts";

/** What a configuration is judged by, besides itself. */
export interface ValidationContext {
  /** Absolute path of the bundle. */
  bundle: string;
  /** The runtime has no privilege but what a user namespace gives. */
  rootless?: boolean;
  noPivot?: boolean;
  /** Told what does not stop the container but may not be what was meant (runtime.md, "Warnings"). */
  warn: (message: string) => void;
}

export type Rule = (config: OciConfig, context: ValidationContext) => void;

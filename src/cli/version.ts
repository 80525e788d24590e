import { readFileSync } from "node:fs";

/** Set by the bundler. */
declare const TSRUN_VERSION: string | undefined;

/** The version in package.json. */
export function version(): string {
  if (typeof TSRUN_VERSION === "string") return TSRUN_VERSION;
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}

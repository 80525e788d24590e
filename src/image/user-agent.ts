/** The User-Agent of requests to registries: "tsrun/0.1.0 (linux; x64)". */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let text: string | undefined;

export function userAgent(): string {
  text ??= `tsrun/${version()} (${process.platform}; ${process.arch})`;
  return text;
}

/** The version in the package.json above this file, in the source tree and in dist/ alike. */
function version(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) {
    const parent = dirname(directory);
    if (parent === directory) return "unknown";
    directory = parent;
  }
  const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

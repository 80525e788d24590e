/** A bundle's configuration (bundle.md): a directory with config.json. */
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { OciConfig, OciProcess } from "../runtime/oci.ts";
import { parseConfig, parseProcess, type ValidationContext } from "../runtime/oci-validate/read.ts";
import { invalidRequest } from "./errors.ts";
import { warn } from "./warnings.ts";

export const CONFIG_NAME = "config.json";

/** The configuration of the bundle in a directory; throws ERR_TSRUN_OCI_REQUEST_INVALID, ERR_TSRUN_OCI_CONFIG_INVALID. */
export function readBundle(
  bundle: string,
  context: Pick<ValidationContext, "rootless" | "noPivot">,
): OciConfig {
  const text = read(join(bundle, CONFIG_NAME), `JSON specification file ${CONFIG_NAME} not found`);
  const config = parseConfig(text, { ...context, bundle, warn });
  checkRoot(resolve(bundle, config.root.path));
  return config;
}

/** config.md, "Root": a directory has to be there. */
function checkRoot(path: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    throw invalidRequest(`invalid rootfs: ${(error as Error).message}`, error);
  }
  if (!isDirectory) throw invalidRequest(`invalid rootfs: ${path} is not a directory`);
}

/** The process of a process.json, as `exec --process` takes it. */
export function readProcess(path: string): OciProcess {
  return parseProcess(read(path, `open ${path}: no such file or directory`), { warn });
}

function read(path: string, missing: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw invalidRequest(missing, error);
    throw error;
  }
}

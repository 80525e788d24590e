/** A bundle's configuration (bundle.md): a directory with config.json. */
import { readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { OciConfig, OciProcess } from "../runtime/oci.ts";
import { invalidRequest } from "./errors.ts";

export const CONFIG_NAME = "config.json";

/** The configuration of the bundle in a directory; throws ERR_TSRUN_OCI_REQUEST_INVALID. */
export function readBundle(bundle: string): OciConfig {
  const config = readJson<OciConfig>(
    join(bundle, CONFIG_NAME),
    `JSON specification file ${CONFIG_NAME} not found`,
  );
  const process = config.process as OciProcess | undefined;
  if (process !== undefined) checkProcess(process);
  return {
    ...config,
    ...(process && { process: complete(process) }),
    mounts: config.mounts ?? [],
    linux: config.linux ?? { namespaces: [] },
  };
}

/** The process of a process.json, as `exec --process` takes it. */
export function readProcess(path: string): OciProcess {
  const process = readJson<OciProcess>(path, `open ${path}: no such file or directory`);
  checkProcess(process);
  return complete(process);
}

/** With empty lists where there are none. */
function complete(process: OciProcess): OciProcess {
  const { capabilities } = process;
  // What is not inheritable cannot be ambient (capabilities(7)); configurations ask for it nevertheless.
  const ambient = (capabilities?.ambient ?? []).filter((name) => capabilities?.inheritable?.includes(name));
  const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  return {
    ...process,
    env: process.env ?? [],
    user: process.user ?? { uid: 0, gid: 0 },
    ...(capabilities && { capabilities: { ...none, ...capabilities, ambient } }),
  };
}

function readJson<T>(path: string, missing: string): T {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw invalidRequest(missing, error);
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw invalidRequest(`${path} is not valid JSON: ${(error as Error).message}`, error);
  }
}

function checkProcess({ cwd, args }: OciProcess): void {
  if (!cwd) throw invalidRequest("Cwd property must not be empty");
  if (!isAbsolute(cwd)) throw invalidRequest("Cwd must be an absolute path");
  if (!args || args.length === 0) throw invalidRequest("args must not be empty");
}

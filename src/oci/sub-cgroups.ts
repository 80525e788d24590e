/** The cgroups below a container's that `exec --cgroup` names. */
import { statSync } from "node:fs";
import { posix } from "node:path";
import { UNIFIED } from "../runtime/cgroup/hierarchies-v1.ts";
import type { CgroupLocation } from "./cgroup-location.ts";
import { invalidRequest, ociError } from "./errors.ts";

/** Paths by controller; "" is every hierarchy, which is what cgroup v2 has. */
export type SubCgroups = ReadonlyMap<string, string>;

/** Reads "[controller,…:]path"; throws ERR_TSRUN_OCI_REQUEST_INVALID. */
export function parseSubCgroups(words: readonly string[]): SubCgroups {
  const paths = new Map<string, string>();
  for (const word of words) {
    const colon = word.indexOf(":");
    if (colon < 0 && words.length > 1) throw invalid(word, "missing <controller>: prefix");
    for (const controller of colon < 0 ? [""] : word.slice(0, colon).split(",")) {
      if (colon >= 0 && controller === "") throw invalid(word, "empty <controller> prefix");
      if (paths.has(controller)) throw invalid(word, `controller ${controller} specified multiple times`);
      paths.set(controller, word.slice(colon + 1));
    }
  }
  return paths;
}

/** The directory in each hierarchy, by its controllers; all of them are there. Throws ERR_TSRUN_OCI_REQUEST_INVALID. */
export function subCgroupDirectories(location: CgroupLocation, sub: SubCgroups): Map<string, string> {
  const controllers = Object.keys(location.roots);
  const unknown = [...sub.keys()].find(
    (controller) => controller !== "" && !controllers.includes(controller),
  );
  if (unknown !== undefined) throw invalidRequest(`unknown controller ${unknown} in --cgroup`);
  const all = sub.get(UNIFIED);
  return new Map(
    controllers.map((controller) => {
      const base = `${location.roots[controller]}${location.path}`;
      const directory = below(base, sharedPath(location, controller, sub) ?? all ?? "");
      if (controller === UNIFIED && location.version === 1 && all !== undefined && !isDirectory(directory)) {
        // Nobody made it in the hierarchy without controllers beside those of v1.
        return [controller, base];
      }
      return [controller, existing(directory)];
    }),
  );
}

/** Controllers that are mounted together are one hierarchy: what is said of one goes for all of them. */
function sharedPath({ roots }: CgroupLocation, controller: string, sub: SubCgroups): string | undefined {
  const beside = [...sub].find(([name]) => name !== UNIFIED && roots[name] === roots[controller]);
  return beside?.[1];
}

function below(base: string, path: string): string {
  const directory = posix.join(base, path).replace(/\/$/, "");
  if (directory !== base && !directory.startsWith(`${base}/`)) {
    throw invalidRequest(`bad sub cgroup path: ${path}`);
  }
  return directory;
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

function existing(directory: string): string {
  if (isDirectory(directory)) return directory;
  throw ociError(
    "ERR_TSRUN_OCI_REQUEST_INVALID",
    `error adding pid of the process to cgroups: open ${directory}/cgroup.procs: no such file or directory`,
  );
}

const invalid = (word: string, why: string): Error =>
  invalidRequest(`invalid --cgroup argument: ${word} (${why})`);

/** The host's side of bind mounts: sources exist, and propagate as far as was asked. */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import type { BindRequest } from "./types.ts";

/**
 * Checks the sources of bind mounts and makes the directories that `-v` names and that are missing, as Docker does;
 * all checks come before the first directory. Throws ERR_TSRUN_MOUNT_SOURCE_MISSING or ERR_TSRUN_MOUNT_PROPAGATION.
 */
export function prepareBindSources(
  requests: readonly (BindRequest | { type: "tmpfs" | "volume" | "image" })[],
): void {
  const missing: string[] = [];
  for (const request of requests) {
    if (request.type !== "bind") continue;
    if (statSync(request.source, { throwIfNoEntry: false }) === undefined) {
      if (request.sourceMustExist) throw sourceMissing(request.source);
      missing.push(request.source);
    }
    if (request.propagation && !/private$/.test(request.propagation)) {
      checkPropagation(request.source, request.propagation, readFileSync("/proc/self/mountinfo", "utf8"));
    }
  }
  for (const source of missing) mkdirSync(source, { recursive: true, mode: 0o755 });
}

/**
 * A mount can only propagate to or from the container where its source's mount is in a peer group
 * (mount_namespaces(7), "Shared subtrees"). `mountinfo` is the text of proc_pid_mountinfo(5).
 */
export function checkPropagation(source: string, propagation: string, mountinfo: string): void {
  const { point, tags } = mountOf(source, mountinfo);
  const shared = tags.some((tag) => tag.startsWith("shared:"));
  const slave = tags.some((tag) => tag.startsWith("master:"));
  const wantsSlave = propagation.endsWith("slave");
  if (shared || (wantsSlave && slave)) return;
  throw new TsrunError(
    "ERR_TSRUN_MOUNT_PROPAGATION",
    `path ${source} is mounted on ${point} but it is not a shared${wantsSlave ? " or slave" : ""} mount`,
    { hint: `make it one on the host with: mount --make-shared ${point}` },
  );
}

/** The mount that holds a path: the longest mount point that is its prefix, the last of equals lying on top. */
function mountOf(path: string, mountinfo: string): { point: string; tags: string[] } {
  let best = { point: "", tags: [] as string[] };
  for (const line of mountinfo.split("\n")) {
    const fields = line.split(" ");
    const point = fields[4]?.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    if (point === undefined || point.length < best.point.length) continue;
    const holds = path === point || path.startsWith(point === "/" ? "/" : `${point}/`);
    // The optional fields, seventh and following, end with a single hyphen.
    if (holds) best = { point, tags: fields.slice(6, fields.indexOf("-", 6)) };
  }
  return best;
}

function sourceMissing(source: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_MOUNT_SOURCE_MISSING",
    `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    { hint: "make it first, or use -v, which makes missing directories" },
  );
}

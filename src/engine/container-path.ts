/** Paths that a user names inside a container, resolved there and nowhere else. */
import { closeSync, constants, fstatSync } from "node:fs";
import { posix } from "node:path";
import { TsrunError } from "../errors.ts";
import { readLinkDescriptor } from "../kernel/files.ts";
import { O_PATH, openInRoot } from "../kernel/openat2.ts";
import type { PathStat } from "./api.ts";
import type { ContainerRoot } from "./container-root.ts";

/**
 * Absolute and clean. A slash or "/." at its end is kept: that asks for a directory, through a link if it is one, and
 * "/." for what is in it.
 */
export function containerPath(path: string): string {
  const clean = posix.join("/", path).replace(/(.)\/$/, "$1");
  if (/(?:^|\/)\.$/.test(path)) return clean === "/" ? "/." : `${clean}/.`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

/** Takes hold of a file (O_PATH); a link at the path's end is followed on request. Throws ERR_TSRUN_PATH_NOT_FOUND. */
export function openContainerPath(root: ContainerRoot, path: string, options: { follow: boolean }): number {
  try {
    return openInRoot(root.fd, path, O_PATH | (options.follow ? 0 : constants.O_NOFOLLOW));
  } catch (error) {
    throw pathError(root, path, error);
  }
}

/** What a path leads to, without following it where it is a link itself. */
export function statContainerPath(root: ContainerRoot, path: string, options: { follow: boolean }): PathStat {
  const fd = openContainerPath(root, path, options);
  try {
    return statOf(fd, path);
  } finally {
    closeSync(fd);
  }
}

export function statOf(fd: number, path: string): PathStat {
  const stat = fstatSync(fd);
  return {
    name: posix.basename(path) || "/",
    size: stat.size,
    mode: stat.mode,
    mtime: stat.mtime.toISOString(),
    isDirectory: stat.isDirectory(),
    linkTarget: stat.isSymbolicLink() ? readLinkDescriptor(fd).toString() : "",
  };
}

/** The error of a lookup, in docker's words. */
export function pathError({ record }: ContainerRoot, path: string, error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (code === "ENOENT") {
    return new TsrunError(
      "ERR_TSRUN_PATH_NOT_FOUND",
      `Could not find the file ${path} in container ${record.name}`,
      { hint: "a path in a container starts at its root, whatever its working directory is" },
    );
  }
  if (code === "ENOTDIR") {
    return new TsrunError("ERR_TSRUN_COPY_CONFLICT", `${path} in container ${record.name}: not a directory`, {
      hint: "a slash at the end of a path asks for a directory",
    });
  }
  return new TsrunError("ERR_TSRUN_COPY_FAILED", `${path} in container ${record.name}: ${message}`, {
    hint: "see the message for what the kernel refused",
    cause: error,
  });
}

/** The files of a container, from outside. */
import type { Readable } from "node:stream";

export interface PathStat {
  /** The path's last component. */
  name: string;
  size: number;
  /** As stat(2) has it, type included. */
  mode: number;
  /** RFC 3339. */
  mtime: string;
  isDirectory: boolean;
  /** Of a symbolic link, else "". */
  linkTarget: string;
}

export interface CopyFromOptions {
  /** Copies what a link leads to, by the link's name. */
  followLink?: boolean;
  signal?: AbortSignal;
}

export interface CopiedFrom {
  stat: PathStat;
  /** All names begin with the path's last component; "." for a path that ends so, and for the root. */
  archive: Readable;
}

export interface CopyToOptions {
  /** Keeps the archive's owners and extended attributes; otherwise everything is root's. */
  keepOwner?: boolean;
  signal?: AbortSignal;
}

export interface FileChange {
  /** Added, changed or deleted. */
  kind: "A" | "C" | "D";
  path: string;
}

/**
 * What a stack of layers shows at a directory, without mounting them. Layers do not change, and the way to a file
 * leads only through what is known to be a directory, so paths will do.
 */
import { lstatSync, readdirSync } from "node:fs";
import { overlayAttribute } from "../../kernel/rootless.ts";
import { getXattr } from "../../kernel/xattr.ts";
import { fromPath, toPath } from "../unpack/bytes.ts";
import type { Visited } from "./walk.ts";

/** A merged directory: those that make it up, topmost first, as byte strings. */
export type LowerDirectory = readonly string[];

export interface LowerFile {
  readonly stat: Visited["stat"];
  /** Where it is, a byte string. */
  readonly path: string;
  /** Set where it is a directory. */
  readonly directory: LowerDirectory | undefined;
}

/** The root of a stack of layers, given topmost first. */
export const lowerRoot = (layers: readonly string[]): LowerDirectory => layers.map(fromPath);

/** The file called `name`: the topmost layer that has it decides, directories merge with those below. */
export function lookUp(directory: LowerDirectory, name: string): LowerFile | undefined {
  let top: { stat: Visited["stat"]; path: string } | undefined;
  const merged: string[] = [];
  for (const parent of directory) {
    const path = `${parent}/${name}`;
    const stat = lstatSync(toPath(path), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (!stat.isDirectory()) {
      if (top || isWhiteout(stat)) break;
      return { stat, path, directory: undefined };
    }
    top ??= { stat, path };
    merged.push(path);
    if (getXattr(toPath(path), overlayAttribute("opaque"))?.toString("latin1") === "y") break;
  }
  return top && { ...top, directory: merged };
}

/** The names that a merged directory shows, in no order. */
export function namesIn(directory: LowerDirectory): string[] {
  const names = new Set(
    directory.flatMap((path) => readdirSync(toPath(path), { encoding: "latin1" }) as string[]),
  );
  return [...names].filter((name) => lookUp(directory, name) !== undefined);
}

const isWhiteout = (stat: Visited["stat"]): boolean => stat.isCharacterDevice() && stat.rdev === 0n;

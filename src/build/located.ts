/**
 * Where in a Dockerfile an error lies. Any error of a build may be told so, once, by who knows the file; whoever shows
 * the error asks for it.
 */
import type { Range } from "./dockerfile/types.ts";

export interface Place {
  /** As the user named it, and what it says. */
  readonly file: { readonly name: string; readonly text: string };
  readonly range: Range;
}

const places = new WeakMap<object, Place>();

/** The error, which has its place from now on; the first one that it was told stays. */
export function locate<Thrown>(error: Thrown, place: Place): Thrown {
  if (error instanceof Error && !places.has(error)) places.set(error, place);
  return error;
}

export function placeOfError(error: unknown): Place | undefined {
  return error instanceof Error ? places.get(error) : undefined;
}

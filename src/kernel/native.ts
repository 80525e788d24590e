/** Where the C parts are: native/build beside src/ (or dist/), see native/Makefile. */
import { dirname, join } from "node:path";
import { TsrunError } from "../errors.ts";
import { declare, declareAsync, type ForeignFunction } from "./ffi.ts";
import { findUp } from "./find-up.ts";

let directory: string | undefined;

/** Absolute path of a built artefact of native/: "libtsrun.so", "tsrun-monitor", "tsrun-init". */
export function nativePath(name: string): string {
  directory ??= dirname(findUp("native/build/libtsrun.so") ?? missing());
  return join(directory, name);
}

function missing(): never {
  throw new TsrunError("ERR_TSRUN_NATIVE_MISSING", "the compiled parts in native/build are missing", {
    hint: "run scripts/setup, or `make -C native`",
  });
}

/** Declares a function of libtsrun.so by its C prototype. */
export function native(prototype: string): ForeignFunction {
  return declare(() => nativePath("libtsrun.so"), prototype);
}

/** The same of one that runs in a thread of libuv's pool. */
export function nativeAsync(prototype: string): ReturnType<typeof declareAsync> {
  return declareAsync(() => nativePath("libtsrun.so"), prototype);
}

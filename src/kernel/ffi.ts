/**
 * The only module that loads koffi. Other files of kernel/ declare the functions they need with `libc()`, `native()` or
 * `declare()`; everything above kernel/ sees typed functions that throw SyscallError, never a negative number.
 *
 * Loading koffi takes milliseconds, so it happens at the first call, not at import.
 */
import type * as Koffi from "koffi";
import { findUp } from "./find-up.ts";

type KoffiModule = typeof Koffi;
/** A foreign function; the arguments are those of the C prototype it was declared with. */
// biome-ignore lint/suspicious/noExplicitAny: an FFI call takes what its C prototype says
export type ForeignFunction = (...args: any[]) => any;

let koffi: KoffiModule | undefined;

/** Whether anything was called yet, and with it koffi loaded. */
export const isLoaded = (): boolean => koffi !== undefined;

/** koffi itself, loaded on first use; only files in kernel/ may call this. */
export function ffi(): KoffiModule {
  koffi ??= loadKoffi();
  return koffi;
}

/**
 * koffi's JavaScript entry reads node's ELF header to choose a binary and wraps deprecated names, and the binary's name
 * is looked up by the rules for packages: that takes several times as long as loading it (9 of 10 ms). The one for glibc
 * is all that is needed here, so it is looked for where npm puts it; where it is not there or not the right one (musl),
 * the entry finds another.
 */
function loadKoffi(): KoffiModule {
  const { arch, dlopen } = process;
  const binary = findUp(`node_modules/@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  try {
    const module = { exports: {} };
    dlopen(module, binary ?? "");
    return module.exports as KoffiModule;
  } catch {
    const { createRequire } = process.getBuiltinModule("node:module");
    return createRequire(import.meta.url)("koffi") as KoffiModule;
  }
}

const libraries = new Map<string | null, Koffi.LibraryHandle>();

function load(path: string | null): Koffi.LibraryHandle {
  let library = libraries.get(path);
  if (library === undefined) {
    library = ffi().load(path);
    libraries.set(path, library);
  }
  return library;
}

/**
 * Declares a function of any shared library by its C prototype; resolved when first called. null is this process: node,
 * and what it is linked with.
 */
export function declare(library: string | null | (() => string), prototype: string): ForeignFunction {
  let resolved: ForeignFunction | undefined;
  return (...args) => {
    resolved ??= load(typeof library === "function" ? library() : library).func(prototype) as ForeignFunction;
    return resolved(...args);
  };
}

/** The same of a function that runs in a thread of libuv's pool: what its arguments point to is in use until it ends. */
export function declareAsync(
  library: () => string,
  prototype: string,
): (...args: unknown[]) => Promise<number> {
  let resolved: Koffi.KoffiFunc<ForeignFunction> | undefined;
  return (...args) => {
    resolved ??= load(library()).func(prototype);
    const call = resolved;
    return new Promise((resolve, reject) => {
      call.async(...args, (error: unknown, result: number) => (error ? reject(error) : resolve(result)));
    });
  };
}

/** Shared libraries that may be missing. */
import { ffi } from "./ffi.ts";

/** Whether dlopen(3) finds the library. */
export function hasLibrary(name: string): boolean {
  try {
    ffi().load(name);
    return true;
  } catch {
    return false;
  }
}

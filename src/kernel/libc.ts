/** Functions of the C library, and system calls that it has none for. */
import type { declareAsync, ForeignFunction } from "./ffi.ts";
import { native, nativeAsync } from "./native.ts";

/**
 * Declares one by its C prototype, as its man page prints it. It is called by way of its namesake in native/lib/libc.c,
 * where a new one has to be added: what it returns where it fails is -errno, as check() expects.
 */
export const libc = (prototype: string): ForeignFunction => native(viaNative(prototype));

/** The same of one that runs in a thread of libuv's pool. */
export const libcAsync = (prototype: string): ReturnType<typeof declareAsync> =>
  nativeAsync(viaNative(prototype));

const viaNative = (prototype: string): string => prototype.replace(/\w+(?=\()/, "tsrun_$&");

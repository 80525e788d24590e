/** Writing to a file of the store on a disk that may be full. */
import { writeSync } from "node:fs";
import { TsrunError } from "../errors.ts";

/** Writes all of it; a full disk is ERR_TSRUN_LAYER_UNPACK. */
export function writeFully(fd: number, chunk: Uint8Array, file: string): void {
  try {
    for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    throw new TsrunError("ERR_TSRUN_LAYER_UNPACK", `cannot write ${file}: no space left on its filesystem`, {
      hint: "there is no space left below tsrun's data root: remove images or containers",
      cause: error,
    });
  }
}

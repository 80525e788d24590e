/** The ways in which a layer is not unpacked. */
import { TsrunError } from "../../errors.ts";
import { printable } from "./bytes.ts";

/** An entry that reaches outside the layer, or asks for what no layer may. */
export function refused(name: string, reason: string): TsrunError {
  return new TsrunError("ERR_TSRUN_LAYER_REFUSED", `entry ${printable(name)} refused: ${reason}`, {
    hint: "an honest build does not make such a layer: do not use this image, or ask those who made it",
  });
}

/** More entries or bytes than the limits allow. */
export function overLimit(what: string): TsrunError {
  return new TsrunError("ERR_TSRUN_LAYER_TOO_LARGE", what, {
    hint: "this looks like a decompression bomb; nothing of the layer was kept",
  });
}

/** A zstd frame that cannot be decompressed without more memory than zstd(1) itself gives without --memory. */
export function windowTooLarge(cause: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_LAYER_TOO_LARGE", "its zstd data needs a window of more than 128 MiB", {
    hint: "it was compressed with --long or --ultra beyond what decompressors expect: compress it again without",
    cause,
  });
}

/** Bytes that are not a whole (compressed) tar archive. */
export function corrupt(what: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_LAYER_CORRUPT", what, {
    hint: "pull again; if it stays, the image was damaged where it was built or stored",
    cause,
  });
}
